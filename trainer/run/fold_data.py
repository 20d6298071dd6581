"""The rows and the data of each fold: chosen, preprocessed, on the training device."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.build import arguments, construct, resolve_target
from trainer.config.cv import CvConfig
from trainer.config.grid import is_nested
from trainer.data.loading.batches import ReadAhead, TrainingSet
from trainer.data.preprocess.contract import ShowProgress, no_progress, prepare_inputs
from trainer.data.samples import DataSpec, Samples
from trainer.data.target_scale import TargetScale
from trainer.engine.settings import FoldRows
from trainer.errors import ConfigError, DataError
from trainer.folds.both_sides import every_class_on_both_sides
from trainer.folds.inner import goes_forward, grouped_slice, latest_slice
from trainer.folds.plan import FoldPlan
from trainer.folds.request import SplitRequest
from trainer.folds.strategies import multilabel
from trainer.run.experiment import Experiment
from trainer.run.fold import Fold
from trainer.run.frozen_features import with_features
from trainer.store.fold_files import ALL
from trainer.system.seeds import seed_of
from trainer.tasks import Target, Task


def prepare_fold(experiment: Experiment, name: int | str, track: ShowProgress = no_progress) -> Fold:
    """Choose the rows of a fold and fit the preprocessing on those it trains on; where the body stays frozen, run it.

    Args:
        experiment: what to run.
        name: number of the fold (repeat x n_splits + fold), or ``all``.
        track: shows the progress of what is computed once for all folds.
    """
    experiment = experiment.for_fold(name)
    prepared_inputs(experiment, track)
    fold = preprocess(experiment, training_rows(experiment, name))
    return fold if is_nested(experiment.cv) else with_features(experiment, fold, track)  # candidates have their own


def fold_rows(experiment: Experiment, name: int | str) -> FoldRows:
    """Return the rows of a fold; under ``select=inner`` a slice of the training rows picks the epoch.

    Under nested cross validation the fold trains on all its training rows: ``trainer.run.nested`` picks the epoch.
    """
    experiment = experiment.for_fold(name)
    plan, cv = experiment.plan, experiment.cv
    repeat, fold = divmod(plan.n_folds if name == ALL else int(name), plan.n_splits)
    split = (plan.n_different if name == ALL else repeat % plan.n_different) if plan.seeds else None
    everything = np.arange(len(experiment.samples))
    train, held_out = (everything, everything[:0]) if name == ALL else plan.rows(repeat, fold)
    if cv.select == "fold":
        return FoldRows(repeat, fold, train, held_out, held_out, name, split)
    if cv.select == "inner" and not is_nested(cv):
        seed = seed_of(experiment.recipe.settings.seed, repeat if split is None else split, fold)
        train, monitor = inner_split(experiment.samples, experiment.spec, plan, cv, train, seed=seed)
        return FoldRows(repeat, fold, train, held_out, monitor, name, split)
    return FoldRows(repeat, fold, train, held_out, None, name, split)


def training_sizes(experiment: Experiment) -> list[int]:
    """Return how many rows each fold trains on."""
    return [len(training_rows(experiment, number).train) for number in range(experiment.plan.n_folds)]


def training_rows(experiment: Experiment, name: int | str) -> FoldRows:
    """Return the rows of a fold, those with pseudo-labels among what it trains on."""
    rows = fold_rows(experiment, name)
    if experiment.pseudo is None:
        return rows
    return replace(rows, train=experiment.pseudo.training_rows(rows.train, name))


def inner_split(
    samples: Samples, spec: DataSpec, plan: FoldPlan, cv: CvConfig, train: NDArray[np.int64], *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut a slice off the training rows; return (rest, slice).

    The latest rows where folds go forward in time, whole groups where there are groups, else a stratified slice. But
    for the latest rows, each class and label is on both sides wherever the rows allow it.

    Raises:
        DataError: a class, or the times or groups, are too few to be on both sides.
    """
    from sklearn.model_selection import train_test_split

    fraction = cv.inner_fraction
    strata_N = strata(spec.task, samples.target, train, n_bins=cv.bins, fewest=round(1 / fraction))
    target = strata_N[train]
    if samples.times_N is not None and goes_forward(plan, samples.times_N):
        return latest_slice(train, samples.times_N, fraction, cv.gap)
    if samples.groups_N is not None:
        return grouped_slice(train, strata_N, samples.groups_N, fraction, seed)
    if spec.task.several_labels:
        parts = max(2, round(1 / fraction))
        _, inner = next(multilabel.split(SplitRequest(target, parts, random_state=seed)))
        return every_class_on_both_sides((np.delete(train, inner), train[inner]), strata_N, seed)
    try:
        rest, inner = train_test_split(train, test_size=fraction, stratify=target, random_state=seed)
    except ValueError as error:
        classes, counts = np.unique(target, return_counts=True)
        of_rarest = int((strata_N == classes[counts.argmin()]).sum())
        raise DataError(
            f"cv.select=inner cannot cut a stratified {fraction:.0%} off the training rows: each of the {len(counts)} "
            f"classes needs rows on both sides (the rarest has {counts.min()})\n"
            f"use {_ways_out(plan, counts.min(), of_rarest)}, or cv.select=last"
        ) from error
    return every_class_on_both_sides((np.sort(rest), np.sort(inner)), strata_N, seed)


def strata(task: Task, target: Target, rows: NDArray[np.int64], *, n_bins: int, fewest: int) -> Target:
    """Return what folds of these rows keep in proportion, in the place of the target of all rows; see ``Task.strata``.

    Only the targets of ``rows`` are looked at: bins of numbers must not tell of rows that are held out.
    """
    if task.has_classes:
        return target
    strata_N = np.zeros(len(target), dtype=np.int64)
    strata_N[rows] = task.strata(target[rows], n_bins, fewest)
    return strata_N


def _ways_out(plan: FoldPlan, n_train: int, n_rows: int) -> str:
    """Return what helps where the rarest class has ``n_train`` rows to train on, of ``n_rows`` in all."""
    if n_train > 1:
        return "another cv.inner_fraction"
    kept = plan.strategy == "stratified" and 1 < n_rows < plan.n_splits
    return "cv.rare=keep_in_train, cv.inner.n_splits=3" if kept else "cv.inner.n_splits=3"


def preprocess(experiment: Experiment, rows: FoldRows) -> Fold:
    """Fit the preprocessing on the training rows; return the fold with all rows on the training device."""
    samples, device = experiment.samples, experiment.recipe.device
    preprocessing, inputs = prepared_inputs(experiment)
    fitted = preprocessing.fit(inputs, rows.train)
    target, weights_N, votes_NC = samples.target, samples.weights_N, samples.votes_NC
    if experiment.pseudo is not None:
        target, weights_N, votes_NC = experiment.pseudo.of_all_rows(samples, rows.name)
    weights = np.ones(len(target)) if weights_N is None else weights_N
    rows_N = fitted.transform(inputs)
    reads_ahead = isinstance(rows_N, ReadAhead) and getattr(rows_N, "reads_ahead", True)
    if isinstance(rows_N, ReadAhead):
        rows_N = rows_N.with_workers(experiment.loaders.number, experiment.loaders.timeout_seconds)
    scale = None
    if not experiment.spec.task.has_classes:
        scale = TargetScale.fit(target[rows.train])
        target = scale.standardised(target)
    data = TrainingSet(
        rows_N.to(device),
        torch.from_numpy(target).to(device),
        torch.from_numpy(weights).float().to(device),
        unweighted=weights_N is None,
        scale=scale,
        votes_NC=None if votes_NC is None else torch.from_numpy(votes_NC).float().to(device),
    )
    return Fold(rows, fitted, data, fitted.notes, reads_ahead=reads_ahead)


def prepared_inputs(experiment: Experiment, track: ShowProgress = no_progress) -> tuple[Any, Any]:
    """Return the preprocessing and what it is given: prepared once, on the first call.

    Args:
        experiment: what to run.
        track: shows the progress.
    """
    section = experiment.recipe.sections["data"]["preprocess"]
    key = f"prepared {json.dumps(section, sort_keys=True)}"
    if key not in experiment.shared:
        recipe = experiment.recipe
        moments = partial(weights_moments, recipe.sections["model"], recipe.plugins)
        offered = {"cache_dir": experiment.cache, "weights_moments": moments}
        preprocessing = construct("data.preprocess", section, recipe.plugins, **offered)
        experiment.shared[key] = preprocessing, prepare_inputs(preprocessing, experiment.inputs, track)
    prepared: tuple[Any, Any] = experiment.shared[key]
    return prepared


def weights_moments(model: Mapping[str, Any], plugins: Sequence[str] = ()) -> Any:
    """Return mean and standard deviation per channel that the model's published weights were trained with.

    Raises:
        ConfigError: the model has no published weights.
    """
    target = model["_target_"]
    own = getattr(resolve_target("model", target, plugins), "weights_moments", None)
    if own is None:
        raise ConfigError(
            f"data.preprocess.normalize=weights: {target} has no published weights that say it\n"
            "use data.preprocess.normalize=fold, imagenet or [[means], [stds]]"
        )
    return own(**arguments(model))
