"""Cross validation: for each fold a fresh everything, trained on the fold's rows and scored on the held-out ones."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.config.build import construct
from trainer.config.errors import ConfigError, DataError
from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.data.batches import TrainingSet
from trainer.data.samples import DataSpec, Samples
from trainer.data.streamed import StreamedRows
from trainer.engine.apex_backend import make_precision
from trainer.engine.ema import WeightAverage
from trainer.engine.fit import fit_fold
from trainer.engine.fold import FitSettings, FoldRows
from trainer.engine.keep import Keeper
from trainer.engine.levels import Resolved
from trainer.engine.loops import Learner
from trainer.engine.optim import make_optimizer, make_scheduler
from trainer.engine.precision import refuse_underflowing_optimizer
from trainer.folds import multilabel
from trainer.folds.inner import goes_forward, grouped_slice, latest_slice
from trainer.folds.plan import FoldPlan
from trainer.folds.request import SplitRequest
from trainer.losses.contract import Loss
from trainer.results import FoldResult
from trainer.run_directory.folds import ALL
from trainer.trackers.observer import Observer
from trainer.weights.files import WeightFile
from trainer.weights.load import load_weights


@dataclass(frozen=True)
class Experiment:
    """Everything that is decided before the first step.

    Attributes:
        config: as composed and checked.
        samples: all rows.
        spec: what they mean.
        plan: which row is held out when.
        settings: how each fold is trained.
        level: precision in force.
        device: training device.
        init: weights every fold starts from; None = fresh ones.
    """

    config: RunConfig
    samples: Samples
    spec: DataSpec
    plan: FoldPlan
    settings: FitSettings
    level: Resolved
    device: torch.device
    init: WeightFile | None = None

    @property
    def n_folds(self) -> int:
        """Folds of all repeats together; as a number it is the fold that holds out nothing."""
        return self.plan.n_splits * self.plan.repeats

    def fold_name(self, number: int) -> int | str:
        """Return how fold ``number`` is called: its number, or ``all``."""
        return ALL if number == self.n_folds else number


@dataclass(frozen=True)
class TrainedFold:
    """A finished fold.

    Attributes:
        result: what it says about its held-out rows.
        weights: that were scored, by state_dict name.
        amp: skipped steps and final loss scale.
        preprocess: the fitted preprocessing as plain values.
        inner: under nested cross validation, every candidate's inner scores as plain values; else None.
    """

    result: FoldResult
    weights: dict[str, Tensor]
    amp: dict[str, float]
    preprocess: Any
    inner: dict[str, Any] | None = None


@dataclass(frozen=True)
class PreparedFold:
    """A fold that is ready to be trained.

    Attributes:
        number: repeat x n_splits + fold.
        rows: of the fold.
        fitted: the preprocessing, fitted on the training rows.
        data: all rows, preprocessed, on the training device.
    """

    number: int
    rows: FoldRows
    fitted: Any
    data: TrainingSet


def prepare_fold(experiment: Experiment, number: int) -> PreparedFold:
    """Choose the rows of fold ``number`` and fit the preprocessing on its training rows."""
    rows = fold_rows(experiment, number)
    fitted, data = fold_data(experiment, rows)
    return PreparedFold(number, rows, fitted, data)


def run_fold(
    experiment: Experiment,
    fold: PreparedFold,
    observers: Sequence[Observer],
    keeper: Keeper | None = None,
    *,
    epochs: int | None = None,
) -> TrainedFold:
    """Train and score one fold.

    Args:
        experiment: what to run.
        fold: which one.
        observers: told about the progress.
        keeper: saves it while it trains, and goes on from what is saved.
        epochs: stop after so many, on a schedule as long as ``max_epochs`` all the same; None = train them all.

    Raises:
        NonFiniteError: training diverged.
        Interrupted: a signal has come; the state is saved.
    """
    learner = fresh_learner(experiment, fold.rows, fold.fitted.model_arguments)
    settings = experiment.settings if epochs is None else replace(experiment.settings, max_epochs=epochs)
    result, weights = fit_fold(learner, fold.data, fold.rows, settings, experiment.spec, observers, keeper)
    scaler = learner.precision.scaler
    amp = {"skipped_steps": scaler.skipped_steps, "loss_scale": scaler.scale}
    return TrainedFold(result, weights, amp, fold.fitted.to_json())


def fold_rows(experiment: Experiment, number: int) -> FoldRows:
    """Return the rows of fold ``number``; under ``select=inner`` a slice of the training rows picks the epoch.

    Under nested cross validation the fold trains on all its training rows: ``trainer.nested`` picks the epoch.
    """
    repeat, fold = divmod(number, experiment.plan.n_splits)
    everything = np.arange(len(experiment.samples))
    fit_all = number == experiment.n_folds
    train, held_out = (everything, everything[:0]) if fit_all else experiment.plan.rows(repeat, fold)
    name, select = experiment.fold_name(number), experiment.config.cv.select
    if select == "fold":
        return FoldRows(repeat, fold, train, held_out, monitor=held_out, name=name)
    if select == "inner" and not is_nested(experiment.config):
        train, monitor = inner_split(experiment, train, seed=_fold_seed(experiment.settings.seed, repeat, fold))
        return FoldRows(repeat, fold, train, held_out, monitor, name)
    return FoldRows(repeat, fold, train, held_out, name=name)


def inner_split(
    experiment: Experiment, train: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut a slice off the training rows; return (rest, slice).

    The latest rows where folds go forward in time, whole groups where there are groups, else a stratified slice.

    Raises:
        DataError: a class, or the times or groups, are too few to be on both sides.
    """
    from sklearn.model_selection import train_test_split

    samples, wanted = experiment.samples, experiment.config.cv
    if samples.times_N is not None and goes_forward(experiment.plan, samples.times_N):
        return latest_slice(train, samples.times_N, wanted.inner_fraction, wanted.gap)
    if samples.groups_N is not None:
        return grouped_slice(train, samples.target, samples.groups_N, wanted.inner_fraction, seed)
    fraction, target = wanted.inner_fraction, samples.target[train]
    if target.ndim == 2:
        parts = max(2, round(1 / fraction))
        _, inner = next(multilabel.split(SplitRequest(target, parts, random_state=seed)))
        return np.delete(train, inner), train[inner]
    try:
        rest, inner = train_test_split(train, test_size=fraction, stratify=target, random_state=seed)
    except ValueError as error:
        counts = np.unique(target, return_counts=True)[1]
        raise DataError(
            f"cv.select=inner cannot cut a stratified {fraction:.0%} off the training rows: each of the {len(counts)} "
            f"classes needs rows on both sides (the rarest has {counts.min()})\n"
            "use another cv.inner_fraction, or cv.select=last"
        ) from error
    return np.sort(rest), np.sort(inner)


def fold_data(experiment: Experiment, rows: FoldRows) -> tuple[Any, TrainingSet]:
    """Fit the preprocessing on the training rows; return it and all rows on the training device."""
    config, samples = experiment.config, experiment.samples
    fitted = construct("data.preprocess", config.data["preprocess"], config.plugins).fit(samples.inputs, rows.train)
    weights = np.ones(len(samples)) if samples.weights_N is None else samples.weights_N
    rows_N = fitted.transform(samples.inputs)
    if isinstance(rows_N, StreamedRows):
        rows_N = rows_N.with_workers(config.num_workers, config.runtime.loader_timeout_seconds)
    data = TrainingSet(
        rows_N.to(experiment.device),
        torch.from_numpy(samples.target).to(experiment.device),
        torch.from_numpy(weights).float().to(experiment.device),
    )
    return fitted, data


def fresh_learner(
    experiment: Experiment, rows: FoldRows, model_arguments: dict[str, Any], model: nn.Module | None = None
) -> Learner:
    """Build model, loss, optimizer, scheduler and precision anew, from (seed, repeat, fold) alone.

    Args:
        experiment: what to run.
        rows: of the fold.
        model_arguments: sizes the fitted preprocessing gives the model.
        model: used instead of a new one (the profiler's copy).
    """
    config, settings = experiment.config, experiment.settings
    seed_everything(_fold_seed(settings.seed, rows.repeat, rows.fold))
    loss = make_loss(experiment, rows)
    fold_model = make_model(experiment, loss, model_arguments) if model is None else model
    precision, optimizer = make_precision(
        fold_model, experiment.level, lambda parameters: make_optimizer(config.optimizer, parameters, config.plugins)
    )
    refuse_underflowing_optimizer(experiment.level, optimizer)
    steps_per_epoch = settings.steps_per_epoch(len(rows.train))
    scheduler = make_scheduler(
        config.scheduler,
        optimizer,
        warmup_steps=config.fit.warmup_steps,
        total_steps=settings.max_epochs * steps_per_epoch,
        steps_per_epoch=steps_per_epoch,
        plugins=config.plugins,
    )
    decay = config.fit.ema_decay
    average = None if decay is None else WeightAverage(precision.parameters, decay)
    return Learner(fold_model, loss, optimizer, scheduler, precision, average)


def make_loss(experiment: Experiment, rows: FoldRows) -> Any:
    """Build the loss with what it may ask for, counted in the fold's training rows."""
    loss = construct("loss", experiment.config.loss, experiment.config.plugins, **loss_arguments(experiment, rows))
    if not isinstance(loss, nn.Module) or not hasattr(loss, "n_outputs"):
        raise ConfigError(
            f"loss: {experiment.config.loss['_target_']} must make an nn.Module that says n_outputs "
            "(see trainer/losses/contract.py)"
        )
    return loss.to(experiment.device)


def make_model(experiment: Experiment, loss: Loss, model_arguments: dict[str, Any]) -> nn.Module:
    """Build the model for the loss's outputs and the sizes of the fitted preprocessing, on the training device.

    Raises:
        ConfigError: it does not take this data.
        CheckpointError: the weights to start from do not fit it.
    """
    sizes = {"n_outputs": loss.n_outputs, "n_classes": len(experiment.spec.classes), **model_arguments}
    section, plugins = experiment.config.model, experiment.config.plugins
    model = construct("model", section, plugins, task=experiment.spec.task, **sizes)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: {section['_target_']} made a {type(model).__name__}, not an nn.Module")
    if experiment.init is not None:
        init = experiment.config.init
        load_weights(model, experiment.init, n_outputs=loss.n_outputs, min_match=init.min_match, prefix=init.prefix)
    return model.to(experiment.device)


def loss_arguments(experiment: Experiment, rows: FoldRows) -> dict[str, Any]:
    """Return task and class counts of the fold's training rows."""
    target, classes = experiment.samples.target[rows.train], experiment.spec.classes
    counts = target.sum(axis=0) if target.ndim == 2 else np.bincount(target, minlength=len(classes))
    return {
        "task": experiment.spec.task,
        "n_classes": len(classes),
        "class_counts": counts.tolist(),
        "n_rows": len(target),
    }


def seed_everything(seed: int) -> None:
    """Seed torch (all devices), NumPy's legacy generator and Python's."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 user code may still draw from it
    random.seed(seed)


def _fold_seed(seed: int, repeat: int, fold: int) -> int:
    return int(np.random.SeedSequence((seed, repeat, fold)).generate_state(1)[0])
