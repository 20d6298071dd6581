"""The rows and the data of each fold: chosen, preprocessed, on the training device."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.build import arguments, construct, resolve_target
from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.data.loading.batches import ReadAhead, TrainingSet
from trainer.data.preprocess.contract import ShowProgress, no_progress, prepare_inputs
from trainer.engine.settings import FoldRows
from trainer.errors import ConfigError, DataError
from trainer.folds.inner import goes_forward, grouped_slice, latest_slice
from trainer.folds.plan import FoldPlan
from trainer.folds.request import SplitRequest
from trainer.folds.strategies import multilabel
from trainer.run.experiment import Experiment
from trainer.system.seeds import seed_of


@dataclass(frozen=True)
class PreparedFold:
    """A fold that is ready to be trained.

    Attributes:
        number: repeat x n_splits + fold.
        rows: of the fold.
        fitted: the preprocessing, fitted on the training rows.
        data: all rows, preprocessed, on the training device.
        notes: what a person should know, printed at start.
    """

    number: int
    rows: FoldRows
    fitted: Any
    data: TrainingSet
    notes: tuple[str, ...] = ()


def prepare_fold(experiment: Experiment, number: int) -> PreparedFold:
    """Choose the rows of fold ``number`` and fit the preprocessing on its training rows."""
    rows = fold_rows(experiment, number)
    fitted, data = fold_data(experiment, rows)
    return PreparedFold(number, rows, fitted, data, fitted.notes)


def fold_rows(experiment: Experiment, number: int) -> FoldRows:
    """Return the rows of fold ``number``; under ``select=inner`` a slice of the training rows picks the epoch.

    Under nested cross validation the fold trains on all its training rows: ``trainer.run.nested`` picks the epoch.
    """
    repeat, fold = divmod(number, experiment.plan.n_splits)
    everything = np.arange(len(experiment.samples))
    fit_all = number == experiment.n_folds
    train, held_out = (everything, everything[:0]) if fit_all else experiment.plan.rows(repeat, fold)
    name, select = experiment.fold_name(number), experiment.config.cv.select
    if select == "fold":
        return FoldRows(repeat, fold, train, held_out, monitor=held_out, name=name)
    if select == "inner" and not is_nested(experiment.config):
        train, monitor = inner_split(experiment, train, seed=fold_seed(experiment.settings.seed, repeat, fold))
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
    if experiment.spec.task.several_labels:
        parts = max(2, round(1 / fraction))
        _, inner = next(multilabel.split(SplitRequest(target, parts, random_state=seed)))
        return np.delete(train, inner), train[inner]
    try:
        rest, inner = train_test_split(train, test_size=fraction, stratify=target, random_state=seed)
    except ValueError as error:
        classes, counts = np.unique(target, return_counts=True)
        of_rarest = int((samples.target == classes[counts.argmin()]).sum())
        raise DataError(
            f"cv.select=inner cannot cut a stratified {fraction:.0%} off the training rows: each of the {len(counts)} "
            f"classes needs rows on both sides (the rarest has {counts.min()})\n"
            f"use {_ways_out(experiment.plan, counts.min(), of_rarest)}, or cv.select=last"
        ) from error
    return np.sort(rest), np.sort(inner)


def _ways_out(plan: FoldPlan, n_train: int, n_rows: int) -> str:
    """Return what helps where the rarest class has ``n_train`` rows to train on, of ``n_rows`` in all."""
    if n_train > 1:
        return "another cv.inner_fraction"
    kept = plan.strategy == "stratified" and 1 < n_rows < plan.n_splits
    return "cv.rare=keep_in_train, cv.inner.n_splits=3" if kept else "cv.inner.n_splits=3"


def fold_data(experiment: Experiment, rows: FoldRows) -> tuple[Any, TrainingSet]:
    """Fit the preprocessing on the training rows; return it and all rows on the training device."""
    config, samples = experiment.config, experiment.samples
    preprocess, inputs = prepared_inputs(experiment)
    fitted = preprocess.fit(inputs, rows.train)
    weights = np.ones(len(samples)) if samples.weights_N is None else samples.weights_N
    rows_N = fitted.transform(inputs)
    if isinstance(rows_N, ReadAhead):
        rows_N = rows_N.with_workers(config.num_workers, config.runtime.loader_timeout_seconds)
    data = TrainingSet(
        rows_N.to(experiment.device),
        torch.from_numpy(samples.target).to(experiment.device),
        torch.from_numpy(weights).float().to(experiment.device),
        unweighted=samples.weights_N is None,
    )
    return fitted, data


def prepared_inputs(experiment: Experiment, track: ShowProgress = no_progress) -> tuple[Any, Any]:
    """Return the preprocessing and what it is given: prepared once, on the first call.

    Args:
        experiment: what to run.
        track: shows the progress.
    """
    config = experiment.config
    section = config.data["preprocess"]
    key = f"prepared {json.dumps(section, sort_keys=True)}"
    if key not in experiment.shared:
        offered = {"cache_dir": cache_directory(config), "weights_moments": partial(weights_moments, config)}
        preprocess = construct("data.preprocess", section, config.plugins, **offered)
        experiment.shared[key] = preprocess, prepare_inputs(preprocess, experiment.samples.inputs, track)
    prepared: tuple[Any, Any] = experiment.shared[key]
    return prepared


def weights_moments(config: RunConfig) -> Any:
    """Return mean and standard deviation per channel that the model's published weights were trained with.

    Raises:
        ConfigError: the model has no published weights.
    """
    target = config.model["_target_"]
    own = getattr(resolve_target("model", target, config.plugins), "weights_moments", None)
    if own is None:
        raise ConfigError(
            f"data.preprocess.normalize=weights: {target} has no published weights that say it\n"
            "use data.preprocess.normalize=fold, imagenet or [[means], [stds]]"
        )
    return own(**arguments(config.model))


def fold_seed(seed: int, repeat: int, fold: int) -> int:
    """Return the seed of everything that is random in a fold."""
    return seed_of(seed, repeat, fold)


def cache_directory(config: RunConfig) -> Path:
    """Return where that is kept which is computed once from the data."""
    return Path(config.paths.cache or f"{config.paths.runs}/.cache")
