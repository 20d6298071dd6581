"""Nested cross validation: inner folds of a fold's training rows pick hyper-parameters and epoch.

The inner fits never see the fold's held-out rows: the splitter is only given training rows, each inner fold is checked
to lie within them, and all other rows have neither label nor weight here.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.grid import Candidate, candidates
from trainer.data.loading.batches import TrainingSet
from trainer.data.samples import Samples
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.engine.observer import Observer
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.settings import FoldRows, RowNumbers, fit_values
from trainer.errors import DataError, NonFiniteError
from trainer.folds.inner import goes_forward, inner_folds
from trainer.folds.plan import FoldPlan
from trainer.folds.request import SplitOptions
from trainer.metrics.find import metric_named
from trainer.report.nested_table import nested_line
from trainer.results import EpochRecord
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold import TrainedFold, run_fold
from trainer.run.fold_data import PreparedFold, fold_data
from trainer.run.frozen_features import featured, with_features
from trainer.store.fold_files import ALL
from trainer.store.inner_fits import InnerFit, InnerRecords
from trainer.system import interrupts
from trainer.system.seeds import seed_of

NO_LABEL = -1


@dataclass(frozen=True)
class Pick:
    """What the inner folds of a fold picked.

    Attributes:
        candidate: the settings.
        epoch: from 1.
        score: mean of the metric over the inner folds at that epoch.
        mean_CE: (candidates, epochs) mean inner curves; NaN where a candidate diverged.
    """

    candidate: Candidate
    epoch: int
    score: float
    mean_CE: NDArray[np.float64]


def run_nested(
    experiment: Experiment, fold: PreparedFold, observers: Sequence[Observer], checkpointer: Checkpointer | None = None
) -> TrainedFold:
    """Pick settings and epoch on inner folds, train the fold with them on all its training rows, and score it.

    Args:
        experiment: what to run.
        fold: which fold.
        observers: told about the progress; the inner fits are shown by the first one only (the terminal).
        checkpointer: of the fold; finished inner fits are kept beside its checkpoints.

    Raises:
        NonFiniteError: training diverged, in the fold itself or with every candidate.
        DataError: the training rows cannot be split, or no inner fold has a score.
        Interrupted: a signal has come; what is finished is saved.
    """
    records = None if checkpointer is None else _records(checkpointer)
    fits_CK = inner_fits(experiment, fold.rows, records, observers[:1])
    pick = choose(experiment, fits_CK)
    picked = _picked(experiment, pick, fits_CK)
    if checkpointer is not None:
        checkpointer.print_line(nested_line(fold.rows.name, picked))
    chosen = with_candidate(experiment, pick.candidate)
    trained = run_fold(chosen, with_features(chosen, fold), observers, checkpointer, epochs=pick.epoch)
    seconds = trained.result.seconds + sum(fit.seconds for fits in fits_CK for fit in fits)
    result = replace(trained.result, picked=picked, seconds=seconds)
    return replace(trained, result=result, inner=_curves(experiment, picked, fits_CK, pick.mean_CE))


def _records(checkpointer: Checkpointer) -> InnerRecords:
    return InnerRecords(
        checkpointer.directory,
        checkpointer.identity,
        checkpointer.force,
        checkpointer.still_ours,
        checkpointer.print_line,
    )


def inner_fits(
    experiment: Experiment, rows: FoldRows, records: InnerRecords | None = None, observers: Sequence[Observer] = ()
) -> list[list[InnerFit]]:
    """Fit every candidate on every inner fold, but for those that are recorded already.

    Returns:
        One list per candidate, one fit per inner fold.

    Raises:
        DataError: the training rows cannot be split.
        Interrupted: a signal has come; the fit at hand is lost.
    """
    tried, parts = candidates(experiment.config), inner_rows(experiment, rows)
    fits_CK: list[list[InnerFit]] = [[] for _ in tried]
    for number, part in enumerate(parts):
        inside = inner_experiment(experiment, rows, number)
        prepared: tuple[Any, TrainingSet] | None = None
        for candidate in tried:
            made_of = _made_of(experiment, candidate, part)
            fit = None if records is None else records.load(candidate.number, number, made_of)
            if fit is None:
                interrupts.check()
                prepared = fold_data(inside, part) if prepared is None else prepared
                place = number * len(tried) + candidate.number + 1
                shown = replace(part, name=f"{rows.name} inner {place}/{len(tried) * len(parts)}")
                tried_on = with_candidate(inside, candidate)
                data, _ = featured(tried_on, part, *prepared)
                fit = fit_inner(tried_on, shown, prepared[0], data, observers)
                if records is not None:
                    records.save(candidate.number, number, made_of, fit)
            fits_CK[candidate.number].append(fit)
    return fits_CK


def inner_rows(experiment: Experiment, rows: FoldRows) -> list[FoldRows]:
    """Split a fold's training rows as the plan split all rows; the inner held-out rows are monitored each epoch.

    Raises:
        DataError: they cannot be split.
    """
    config, n_splits = experiment.config.cv, experiment.config.cv.inner.n_splits
    assert n_splits is not None
    plan, repeat, fold = _plan_of(experiment, rows)
    samples = _without_others(experiment.samples, rows.train)
    pairs = inner_folds(
        plan,
        repeat,
        fold,
        samples.target,
        samples.groups_N,
        n_splits,
        seed_of(experiment.plan.random_state, rows.repeat, rows.fold),
        times_N=samples.times_N,
        ids_N=samples.ids_N,
        options=SplitOptions(config.rare, config.gap, config.window, config.holdout_fraction),
    )
    for pair in pairs:
        _require_inside(pair, rows)
    return [replace(rows, train=train, held_out=train[:0], monitor=monitor) for train, monitor in pairs]


def _plan_of(experiment: Experiment, rows: FoldRows) -> tuple[FoldPlan, int, int]:
    """Return the plan by which the training rows are split, with repeat and fold; ``all`` trains on every row."""
    plan = experiment.plan
    if goes_forward(plan, experiment.samples.times_N):
        plan = replace(plan, strategy="time")  # folds that were given may go forward too
    if rows.name != ALL:
        return plan, rows.repeat, rows.fold
    return replace(plan, fold_of_row=np.full((1, len(experiment.samples)), -1), train_rows={}), 0, 0


def _require_inside(pair: tuple[RowNumbers, RowNumbers], rows: FoldRows) -> None:
    """Stop where an inner fold is not made of the fold's training rows alone, each on one side."""
    used = np.concatenate(pair)
    if len(np.unique(used)) < len(used) or len(np.setdiff1d(used, rows.train)) or np.isin(used, rows.held_out).any():
        raise AssertionError(f"inner folds of fold {rows.name} reach beyond its training rows")


def inner_experiment(experiment: Experiment, rows: FoldRows, number: int) -> Experiment:
    """Return the experiment of inner fold ``number``: no label but the training rows', and a seed of its own.

    The seed does not depend on the candidate: all start from the same random numbers. Only the metric that picks is
    computed after each epoch.
    """
    samples = _without_others(experiment.samples, rows.train)
    seed = seed_of(experiment.settings.seed, rows.repeat, rows.fold, number + 1)
    settings = replace(experiment.settings, seed=seed, metrics=experiment.settings.metrics[:1])
    return replace(experiment, samples=samples, settings=settings)


def _without_others(samples: Samples, train: RowNumbers) -> Samples:
    """Take label and weight from every row that is not trained on."""
    others_N = np.ones(len(samples), dtype=bool)
    others_N[train] = False
    target = samples.target.copy()
    target[others_N] = NO_LABEL
    weights = None if samples.weights_N is None else np.where(others_N, np.nan, samples.weights_N)
    return replace(samples, target=target, weights_N=weights)


def with_candidate(experiment: Experiment, candidate: Candidate) -> Experiment:
    """Return the experiment with a candidate's settings."""
    config = candidate.config
    settings = replace(experiment.settings, batch_size=config.batch_size, **fit_values(config.fit))
    level = (
        experiment.level if config.amp == experiment.config.amp else resolve_opt_level(config.amp, experiment.device)
    )
    return replace(experiment, config=config, settings=settings, level=level)


def fit_inner(
    experiment: Experiment, rows: FoldRows, fitted: Any, data: TrainingSet, observers: Sequence[Observer] = ()
) -> InnerFit:
    """Train a candidate on an inner fold (``rows``, ``fitted`` on them) for all epochs, scored after each."""
    settings = replace(experiment.settings, patience_epochs=None)
    learner, told = fresh_learner(experiment, rows, fitted.model_arguments), InnerEpochs(observers)
    try:
        fit(learner, data, rows, settings, experiment.spec, [told])
    except NonFiniteError as error:
        return InnerFit(tuple(told.records), str(error).splitlines()[0])
    return InnerFit(tuple(told.records))


class InnerEpochs:
    """Keeps what each epoch of an inner fit records, and passes it on; of the result, which scores no row, nothing.

    Args:
        observers: told about steps and epochs.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self.records: list[EpochRecord] = []

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Pass on that the fit begins."""
        for observer in self.observers:
            observer.fold_started(fold, total_steps, steps_before)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Pass on a step."""
        for observer in self.observers:
            observer.step(step, loss, lr)

    def epoch(self, record: EpochRecord) -> None:
        """Keep the record and pass it on."""
        self.records.append(record)
        for observer in self.observers:
            observer.epoch(record)

    def fold_finished(self, *_: Any) -> None:
        """Say nothing: no row is held out."""

    def finished(self, *_: Any) -> None:
        """Say nothing: an inner fit is no run."""


def choose(experiment: Experiment, fits_CK: list[list[InnerFit]]) -> Pick:
    """Pick the candidate and, under ``select=inner``, the epoch by the mean inner curve of the first metric.

    Of equal scores the earliest epoch wins, then the earliest candidate. Inner folds on which the metric is not defined
    for any candidate are left out of the mean; a candidate that diverged on any inner fold is never picked.

    Raises:
        NonFiniteError: every candidate diverged.
        DataError: the metric is not defined on any inner fold.
    """
    metric, n_epochs = experiment.settings.metrics[0], experiment.settings.max_epochs
    reasons_C = [next((fit.diverged for fit in fits if fit.diverged), None) for fits in fits_CK]
    if all(reasons_C):
        raise NonFiniteError(f"every candidate diverged on the inner folds, the first so: {reasons_C[0]}")
    mean_CE = mean_curves([None if reasons_C[i] else fits for i, fits in enumerate(fits_CK)], metric, n_epochs)
    start = 0 if experiment.config.cv.select == "inner" else n_epochs - 1
    sign = 1.0 if metric_named(metric).greater_is_better else -1.0
    ordered_EC = sign * mean_CE.T[start:]
    if np.isnan(ordered_EC).all():
        raise DataError(
            f"{metric} is not defined on any inner fold, so it cannot pick: a class is missing there\n"
            "use fewer cv.inner.n_splits, or lead metrics.names with another metric"
        )
    epoch, number = divmod(int(np.nanargmax(ordered_EC)), len(fits_CK))
    epoch += start
    return Pick(candidates(experiment.config)[number], epoch + 1, float(mean_CE[number, epoch]), mean_CE)


def mean_curves(fits_CK: Sequence[list[InnerFit] | None], metric: str, n_epochs: int) -> NDArray[np.float64]:
    """Return (C, E) mean curves of a metric over the inner folds; NaN for a candidate that is None."""
    curves = [None if fits is None else [[e.monitor[metric] for e in fit.epochs] for fit in fits] for fits in fits_CK]
    sound_SKE = np.array([curve for curve in curves if curve is not None])
    defined_K = ~np.isnan(sound_SKE).all(axis=(0, 2))
    mean_CE = np.full((len(fits_CK), n_epochs), np.nan)
    if defined_K.any():
        mean_CE[[curve is not None for curve in curves]] = sound_SKE[:, defined_K].mean(axis=1)
    return mean_CE


def _picked(experiment: Experiment, pick: Pick, fits_CK: list[list[InnerFit]]) -> dict[str, Any]:
    return {
        "values": pick.candidate.values,
        "epoch": pick.epoch,
        "metric": experiment.settings.metrics[0],
        "score": pick.score,
        "candidates": len(fits_CK),
        "inner_folds": len(fits_CK[0]),
        "diverged": sum(any(fit.diverged for fit in fits) for fits in fits_CK),
    }


def _curves(
    experiment: Experiment, picked: dict[str, Any], fits_CK: list[list[InnerFit]], mean_CE: NDArray[np.float64]
) -> dict[str, Any]:
    """Return every candidate's scores per inner fold and epoch, as JSON knows them."""
    metric = picked["metric"]
    tried = [
        {
            "values": candidate.values,
            "mean": _numbers(mean_E),
            "inner": [_numbers(epoch.monitor[metric] for epoch in fit.epochs) for fit in fits],
            "diverged": [fit.diverged for fit in fits],
        }
        for candidate, fits, mean_E in zip(candidates(experiment.config), fits_CK, mean_CE, strict=True)
    ]
    return {"picked": picked, "candidates": tried}


def _numbers(values: Iterator[float] | NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _made_of(experiment: Experiment, candidate: Candidate, part: FoldRows) -> dict[str, Any]:
    """Return what decides an inner fit besides the run's identity, as JSON gives it back."""
    assert part.monitor is not None
    rows = hashlib.sha256(part.train.tobytes() + b"|" + part.monitor.tobytes()).hexdigest()
    facts = {"values": candidate.values, "rows": rows, "max_epochs": experiment.settings.max_epochs}
    made_of: dict[str, Any] = json.loads(json.dumps(facts))
    return made_of
