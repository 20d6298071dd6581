"""Thresholds, calibration and coverage fitted on the held-out rows of a run, each scored on folds not fitted on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError
from trainer.inference.calibration import calibrated, fit_calibration, require_calibration
from trainer.inference.conformal import Conformal, Coverage, by_fold, class_scores, measure_intervals, measure_sets
from trainer.inference.decision import Decision
from trainer.inference.held_out import Floats, HeldOut, read_held_out
from trainer.inference.log_scores import as_proba, log_scores
from trainer.inference.objectives import COST, Objective, make_objective, mean_cost
from trainer.inference.reliability import Reliability, reliability
from trainer.inference.thresholds import find_offsets
from trainer.metrics.find import metric_named
from trainer.metrics.summary import mean_of_defined
from trainer.store.own_files import is_blend
from trainer.tasks import Target


@dataclass(frozen=True)
class Wanted:
    """What is to be decided.

    Attributes:
        metric: that thresholds are for, or None.
        cost: matrix, with the metric ``cost``.
        calibrate: method, or None.
        coverage: of sets or intervals, or None.
    """

    metric: str | None = None
    cost: str | None = None
    calibrate: str | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Figures:
    """A value by the name of what it is of: cross-fitted, on the rows that were fitted on, and before any decision.

    Attributes:
        name: of the metric, or a part of it such as ``precision``.
        before: of the likeliest class, or labels above 0.5.
        cross_fitted: each fold decided by what the other folds gave.
        in_sample: what was fitted on all rows, on these; it flatters.
    """

    name: str
    before: float
    cross_fitted: float
    in_sample: float


@dataclass(frozen=True)
class Decided:
    """What was fitted, and what it is worth.

    Attributes:
        run: the predictions it was fitted on.
        decision: what was fitted on all held-out rows.
        figures: of the metric.
        before: how reliable the probabilities are; None where nothing was calibrated.
        after: the same cross-fitted.
        coverage: measured, or None.
        notes: what a reader must know.
    """

    run: HeldOut
    decision: Decision
    figures: tuple[Figures, ...] = ()
    before: Reliability | None = None
    after: Reliability | None = None
    coverage: Coverage | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rows:
    """Rows of all repeats: row number, repeat, fold, target and log scores of each."""

    row_M: NDArray[np.int64]
    repeat_M: NDArray[np.int64]
    fold_M: NDArray[np.int64]
    target: Target
    scores_MC: Floats
    proba_MC: Floats


def decide_run(directory: Path, wanted: Wanted) -> Decided:
    """Fit what is wanted on the held-out rows of a run; nothing is written.

    Raises:
        ConfigError: something wanted cannot be, or nothing is.
        DataError: what is asked for is never reached, or there is no other fold to fit on.
        CheckpointError: the run is not finished, or damaged.
    """
    if wanted.metric is None and wanted.cost is not None:
        wanted = replace(wanted, metric=COST)
    if not (wanted.metric or wanted.calibrate or wanted.coverage is not None):
        raise ConfigError("nothing to decide: give --metric, --calibrate or --coverage (foldwise decide --help)")
    run = read_held_out(directory)
    if wanted.calibrate:
        require_calibration(wanted.calibrate, run.task)
    objective = make_objective(wanted.metric, run.task, run.classes, wanted.cost) if wanted.metric else None
    if wanted.coverage is not None:
        _require_coverage(wanted.coverage, run)
    rows = _rows(run)
    decision = _fit(run, rows, np.ones(len(rows.row_M), dtype=bool), objective, wanted.calibrate)
    if decision is None and objective is not None:
        raise DataError(_never(run, rows, objective))
    assert decision is not None
    decided = _cross_fitted(Decided(run, decision), rows, objective, wanted.calibrate)
    return decided if wanted.coverage is None else _covered(decided, rows, wanted.coverage)


def _rows(run: HeldOut) -> _Rows:
    fold_RN = run.plan.fold_of_row
    held_out_RN = fold_RN >= 0
    n_repeats, n_rows = fold_RN.shape
    repeat_RN = np.repeat(np.arange(n_repeats)[:, None], n_rows, axis=1)
    row_RN = np.repeat(np.arange(n_rows)[None], n_repeats, axis=0)
    row_M = row_RN[held_out_RN]
    return _Rows(
        row_M,
        repeat_RN[held_out_RN],
        fold_RN[held_out_RN],
        run.target[row_M],
        run.scores_RNC[held_out_RN],
        run.proba_RNC[held_out_RN],
    )


def _fit(
    run: HeldOut, rows: _Rows, used_M: NDArray[np.bool_], objective: Objective | None, calibrate: str | None
) -> Decision | None:
    """Return what some rows give; None where thresholds are never good enough on them."""
    task, target, scores = run.task, rows.target[used_M], rows.scores_MC[used_M]
    calibration = None
    if calibrate is not None:
        calibration = fit_calibration(calibrate, task, target, scores)
        scores = log_scores(task, calibrated(calibration, task, scores))
    decision = Decision(task, None if objective is None else objective.name, calibration)
    if objective is None:
        return decision
    if objective.cost is not None and task.one_class_each and len(run.classes) > 2:
        return replace(decision, cost=tuple(map(tuple, objective.cost.tolist())))
    offsets = find_offsets(objective, task, target, scores)
    return None if offsets is None else replace(decision, offsets=tuple(offsets.tolist()))


def _never(run: HeldOut, rows: _Rows, objective: Objective) -> str:
    assert objective.at_least is not None
    _, enough, least = objective.at_least
    best = [_highest(enough, truth, scores) for truth, scores in _columns(run, rows)]
    worst = int(np.argmin(best))
    of = f" of label '{run.classes[worst]}'" if run.task.several_labels else ""
    return (
        f"{run.directory}: {objective.name}: no threshold reaches a {enough} of {least:g}{of} on the held-out rows; "
        f"the most is {best[worst]:.4f}\nask for less, or train a better run"
    )


def _columns(run: HeldOut, rows: _Rows) -> list[tuple[NDArray[np.bool_], Floats]]:
    if run.task.several_labels:
        return [(truth > 0, scores) for truth, scores in zip(rows.target.T, rows.scores_MC.T, strict=True)]
    return [(rows.target == 1, rows.scores_MC[:, 1] - rows.scores_MC[:, 0])]


def _highest(enough: str, truth_M: NDArray[np.bool_], scores_M: Floats) -> float:
    if enough == "recall" or not truth_M.any():
        return float(truth_M.any())
    from sklearn.metrics import precision_recall_curve

    precision, _, _ = precision_recall_curve(truth_M, scores_M)
    return float(precision[:-1].max())


# --- cross-fitted ---


def _cross_fitted(decided: Decided, rows: _Rows, objective: Objective | None, calibrate: str | None) -> Decided:
    run, task = decided.run, decided.run.task
    if objective is None and calibrate is None:
        return decided
    said, proba_MC = np.zeros_like(rows.target), np.zeros_like(rows.proba_MC)
    fails = list[str]()
    for number in range(run.plan.n_folds):
        here_M = (rows.repeat_M == number // run.plan.n_splits) & (rows.fold_M == number % run.plan.n_splits)
        others_M = ~np.isin(rows.row_M, rows.row_M[here_M])
        if not others_M.any():
            raise DataError(
                f"{run.directory} holds out a single fold: what is fitted on its rows cannot be scored on others\n"
                "decide on a run of several folds"
            )
        fitted = _fit(run, rows, others_M, objective, calibrate)
        if fitted is None:
            fails.append(str(number))
            fitted = Decision(task)
        said[here_M], proba_MC[here_M] = fitted.apply(rows.proba_MC[here_M], rows.scores_MC[here_M])
    notes = [f"on the folds other than {', '.join(fails)} what is asked for is never reached"] if fails else []
    if calibrate is not None:
        before = reliability(task, rows.target, as_proba(task, rows.scores_MC))
        after = reliability(task, rows.target, proba_MC)
        decided = replace(decided, before=before, after=after)
    if objective is None:
        return replace(decided, notes=tuple(notes))
    plain = task.predicted(as_proba(task, rows.scores_MC))
    final, _ = decided.decision.apply(rows.proba_MC, rows.scores_MC)
    columns = [_values(run, rows, objective, labels) for labels in (plain, said, final)]
    if fails:
        columns[1] = dict.fromkeys(columns[1], math.nan)
    figures = tuple(Figures(name, *(column[name] for column in columns)) for name in columns[0])
    return replace(decided, figures=figures, notes=tuple(notes))


def _values(run: HeldOut, rows: _Rows, objective: Objective, labels: Target) -> dict[str, float]:
    """Return the objective, and what goes with it, of predicted labels: the mean over repeats."""
    parts = [rows.repeat_M == repeat for repeat in np.unique(rows.repeat_M)]
    found = [_value(run, objective, rows.target[part_M], labels[part_M]) for part_M in parts]
    return {name: mean_of_defined([one[name] for one in found]) for name in found[0]}


def _value(run: HeldOut, objective: Objective, target: Target, labels: Target) -> dict[str, float]:
    task = run.task
    if objective.cost is not None:
        return {"mean cost": mean_cost(objective.cost, task, target, labels)}
    if objective.at_least is None:
        return {objective.name: metric_named(objective.name)(target, task.right(labels, len(run.classes)))}
    from sklearn.metrics import precision_score, recall_score

    options = {"average": "macro" if task.several_labels else "binary", "zero_division": 0.0}
    both = {
        "recall": float(recall_score(target, labels, **options)),
        "precision": float(precision_score(target, labels, **options)),
    }
    great, enough, _ = objective.at_least
    return {great: both[great], enough: both[enough]}


# --- coverage ---


def _require_coverage(coverage: float, run: HeldOut) -> None:
    if not 0 < coverage < 1:
        raise ConfigError(f"--coverage {coverage:g}: must lie between 0 and 1, such as 0.9")
    if is_blend(run.directory):
        raise ConfigError(
            f"--coverage: {run.directory} is a blend, and sets are made from what each fold's own model says of a row\n"
            "decide it on one of its runs, and predict with that one"
        )
    if run.task.several_labels:
        raise ConfigError("--coverage is for one class per row, or for numbers: a row of this run has several labels")
    if len(np.unique(run.plan.fold_of_row[0][run.plan.fold_of_row[0] >= 0])) < 2:
        raise DataError(f"{run.directory} holds out a single fold: coverage is measured on folds other than are used")


def _covered(decided: Decided, rows: _Rows, coverage: float) -> Decided:
    """Add sets or intervals of the first repeat's folds, and how often they hold the truth."""
    run = decided.run
    first_M = rows.repeat_M == 0
    fold_N, target, proba_NC = rows.fold_M[first_M], rows.target[first_M], rows.proba_MC[first_M]
    folds = range(run.plan.n_splits)
    if run.task.has_classes:
        proba_NC = run.task.as_float64(proba_NC)
        own_N = class_scores(proba_NC)[np.arange(len(target)), target]
        measured = measure_sets(coverage, proba_NC, target, fold_N)
    else:
        own_N = np.abs(target - proba_NC[:, 0])
        measured = measure_intervals(coverage, own_N, fold_N)
    conformal = Conformal(coverage, by_fold(own_N, fold_N, folds))
    return replace(decided, decision=replace(decided.decision, conformal=conformal), coverage=measured)


def uncovered(decided: Decided) -> Sequence[str]:
    """Return the classes whose rows are covered clearly less often than asked: by two standard errors."""
    measured, conformal = decided.coverage, decided.decision.conformal
    if measured is None or conformal is None:
        return []
    held_out_N = decided.run.plan.fold_of_row[0] >= 0
    found = []
    for place, (name, share) in enumerate(zip(decided.run.classes, measured.by_class, strict=bool(measured.by_class))):
        n_rows = int((decided.run.target[held_out_N] == place).sum())
        error = math.sqrt(conformal.coverage * (1 - conformal.coverage) / max(n_rows, 1))
        if share < conformal.coverage - 2 * error:
            found.append(name)
    return found
