"""Nested cross validation: inner folds of a fold's training rows pick hyper-parameters and epoch.

The inner fits never see the fold's held-out rows: the splitter is only given training rows, each inner fold is checked
to lie within them, and all other rows have neither label nor weight here.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trainer.data.samples import Samples
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.engine.observer import Observer
from trainer.engine.settings import FoldRows, RowNumbers
from trainer.errors import NonFiniteError
from trainer.folds.inner import goes_forward, inner_folds
from trainer.folds.plan import FoldPlan
from trainer.folds.request import SplitOptions
from trainer.report.nested_table import nested_line
from trainer.results import EpochRecord
from trainer.run.experiment import Candidate, Experiment, Recipe
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.fold_data import preprocess, strata
from trainer.run.frozen_features import with_features
from trainer.run.nested_choice import choose, curve_facts, picked_facts
from trainer.store.fold_files import ALL
from trainer.store.inner_fits import InnerFit, InnerRecords
from trainer.system import interrupts
from trainer.system.seeds import seed_of
from trainer.tasks import of_target

NO_LABEL = -1


@dataclass(frozen=True)
class Choice:
    """What a fold is trained with on all its training rows.

    Attributes:
        recipe: of the fold.
        fold: its rows, as the recipe wants them.
        epochs: after how many it ends, on a schedule as long as ``max_epochs`` all the same.
        picked: what the inner folds picked, as the result says it; empty where nothing is nested.
        curves: every candidate's inner scores as plain values, or None.
        seconds: that took.
    """

    recipe: Recipe
    fold: Fold
    epochs: int
    picked: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Any] | None = None
    seconds: float = 0.0


def choose_recipe(
    experiment: Experiment, fold: Fold, observers: Sequence[Observer] = (), checkpointer: Checkpointer | None = None
) -> Choice:
    """Return what a fold is trained with: where folds are nested its inner folds pick settings and epoch.

    Args:
        experiment: what to run.
        fold: which fold.
        observers: told about the inner fits.
        checkpointer: of the fold; finished inner fits are kept with its checkpoints.

    Raises:
        NonFiniteError: training diverged with every candidate.
        DataError: the training rows cannot be split, or no inner fold has a score.
        Interrupted: a signal has come; what is finished is saved.
    """
    if not experiment.candidates:
        return Choice(experiment.recipe, fold, experiment.recipe.settings.max_epochs)
    records = None if checkpointer is None else _records(checkpointer)
    fits_CK = inner_fits(experiment, fold.rows, records, observers)
    pick = choose(experiment, fits_CK)
    picked = picked_facts(experiment, pick, fits_CK)
    if checkpointer is not None:
        checkpointer.print_line(nested_line(fold.rows.name, picked))
    chosen = with_candidate(experiment, pick.candidate)
    seconds = sum(fit.seconds for fits in fits_CK for fit in fits)
    curves = curve_facts(experiment, picked, fits_CK, pick.mean_CE)
    return Choice(chosen.recipe, with_features(chosen, fold), pick.epoch, picked, curves, seconds)


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
    tried, parts = experiment.candidates, inner_rows(experiment, rows)
    fits_CK: list[list[InnerFit]] = [[] for _ in tried]
    for number, part in enumerate(parts):
        inside = inner_experiment(experiment, rows, number)
        fold: Fold | None = None
        for candidate in tried:
            made_of = _made_of(experiment, candidate, part)
            found = None if records is None else records.load(candidate.number, number, made_of)
            if found is None:
                interrupts.check()
                fold = preprocess(inside, part) if fold is None else fold
                place = number * len(tried) + candidate.number + 1
                name = f"{rows.name} inner {place}/{len(tried) * len(parts)}"
                tried_on = with_candidate(inside, candidate)
                found = fit_inner(tried_on, with_features(tried_on, fold), name, observers)
                if records is not None:
                    records.save(candidate.number, number, made_of, found)
            fits_CK[candidate.number].append(found)
    return fits_CK


def inner_rows(experiment: Experiment, rows: FoldRows) -> list[FoldRows]:
    """Split a fold's training rows as the plan split all rows; the inner held-out rows are monitored each epoch.

    Raises:
        DataError: they cannot be split.
    """
    cv, n_splits = experiment.cv, experiment.cv.inner.n_splits
    assert n_splits is not None
    plan, repeat, fold = _plan_of(experiment, rows)
    samples = _without_others(experiment.samples, rows.train)
    pairs = inner_folds(
        plan,
        repeat,
        fold,
        strata(experiment.spec.task, samples.target, rows.train, n_bins=cv.bins, fewest=n_splits),
        samples.groups_N,
        n_splits,
        seed_of(experiment.plan.random_state, *rows.key),
        times_N=samples.times_N,
        ids_N=samples.ids_N,
        options=SplitOptions(cv.rare, cv.gap, cv.window, cv.holdout_fraction, cv.overlap),
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
    settings = experiment.recipe.settings
    seed = seed_of(settings.seed, *rows.key, number + 1)
    recipe = experiment.recipe.with_settings(seed=seed, metrics=settings.metrics[:1])
    return replace(experiment, samples=samples, recipe=recipe)


def _without_others(samples: Samples, train: RowNumbers) -> Samples:
    """Take label, votes and weight from every row that is not trained on."""
    others_N = np.ones(len(samples), dtype=bool)
    others_N[train] = False
    target = samples.target.copy()
    target[others_N] = NO_LABEL if of_target(target).has_classes else np.nan  # a number would be one
    weights = None if samples.weights_N is None else np.where(others_N, np.nan, samples.weights_N)
    votes = None if samples.votes_NC is None else np.where(others_N[:, None], np.nan, samples.votes_NC)
    return replace(samples, target=target, weights_N=weights, votes_NC=votes)


def with_candidate(experiment: Experiment, candidate: Candidate) -> Experiment:
    """Return the experiment with a candidate's recipe, under the seed and the metrics of the experiment."""
    settings = experiment.recipe.settings
    recipe = candidate.recipe.with_settings(seed=settings.seed, metrics=settings.metrics)
    return replace(experiment, recipe=recipe)


def fit_inner(experiment: Experiment, fold: Fold, name: str, observers: Sequence[Observer] = ()) -> InnerFit:
    """Train a candidate on an inner fold, shown as ``name``, for all epochs, scored after each."""
    recipe, told = experiment.recipe, InnerEpochs(observers)
    learner, rows = fresh_learner(recipe, experiment.spec, fold), replace(fold.rows, name=name)
    settings = replace(recipe.settings, patience_epochs=None)
    try:
        fit(learner, fold.data, rows, settings, experiment.spec, [told])
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


def _made_of(experiment: Experiment, candidate: Candidate, part: FoldRows) -> dict[str, Any]:
    """Return what decides an inner fit besides the run's identity, as JSON gives it back."""
    assert part.monitor is not None
    rows = hashlib.sha256(part.train.tobytes() + b"|" + part.monitor.tobytes()).hexdigest()
    facts = {"values": candidate.values, "rows": rows, "max_epochs": experiment.recipe.settings.max_epochs}
    made_of: dict[str, Any] = json.loads(json.dumps(facts))
    return made_of
