"""The baselines of a run's folds: fitted where they are lacking and cost little, or are asked for by name.

Each is kept beside its fold, so folds that are trained as separate jobs, killed in between or merged from copies have
theirs. A baseline never ends a run: what goes wrong is the reason why it is missing.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.samples import TableColumns
from trainer.errors import first_line_of
from trainer.folds.request import Pair
from trainer.report.baseline_table import label
from trainer.report.formatting import duration
from trainer.report.terminal import PrintLine
from trainer.run.baselines.quick_models import BOOSTING, ITERATIONS, Rows, fitting, named, predict_fold, rows_of
from trainer.run.experiment import Experiment
from trainer.store.baseline_files import FoldBaseline, read_baselines, write_baselines
from trainer.store.fold_files import ALL, fold_directory, read_done

SHARE = 0.1  # of the training time that ``baseline=auto`` may cost
LEAST_SECONDS = 0.2  # that it may cost: a run of a second spends more on its start
SAMPLE_ROWS = 1000  # that the cost is measured on
FEWEST_ROWS = 100  # that boosting is tried on first: of many columns even that costs more than it may
TREE_SECONDS = 0.0003  # of the smallest tree: boosting that costs too much by this and the next is not even tried
CELL_SECONDS = 1e-7  # of putting a cell into its bin, where a column has two values; else it takes up to ten times that
BINNED_ROWS = 200_000  # more are not looked at to find the bins
SAID_SECONDS = 10.0  # from which on it is said what is waited for


@dataclass(frozen=True)
class Wanted:
    """Which baselines of which folds a run has.

    Attributes:
        run: its directory.
        made_of: content of its identity.
        mode: ``baseline`` of the configuration.
        n_side_by_side: folds that are trained at a time.
    """

    run: Path
    made_of: Mapping[str, Any]
    mode: str
    n_side_by_side: int = 1


class Budget(NamedTuple):
    """What a baseline may cost.

    Attributes:
        allowed: seconds that are left for it.
        trained: seconds that training all folds takes, by the clock.
    """

    allowed: float
    trained: float


def fit_baselines(experiment: Experiment, folds: Sequence[int | str], wanted: Wanted, print_line: PrintLine) -> None:
    """Fit the baselines that these folds lack, and keep them.

    Under ``baseline=auto`` one is fitted where its cost, measured on some rows of the first fold, is at most a tenth
    of the training time, and what was too costly before is not tried again.

    Raises:
        StorageError: they cannot be written.
    """
    numbers = [int(fold) for fold in folds if fold != ALL]
    kinds = fitting(experiment.samples.inputs) if wanted.mode == "auto" else (wanted.mode,)
    if wanted.mode == "off" or not numbers or not kinds:
        return
    trained, rows = trained_seconds(wanted, numbers), None
    left = None if trained is None else allowed_seconds(trained, wanted, len(numbers))
    for name in kinds:
        lacking = [fold for fold in numbers if _lacks(_known(wanted, fold).get(name), forced=wanted.mode == name)]
        if not lacking or (left is None and wanted.mode == "auto"):
            continue
        started = time.perf_counter()
        rows = rows or rows_of(experiment.samples, experiment.spec)
        budget = Budget(
            math.inf if wanted.mode == name else left or 0.0, (trained or 0.0) * len(numbers) / wanted.n_side_by_side
        )
        splits = {fold: experiment.plan.rows(*divmod(fold, experiment.plan.n_splits)) for fold in lacking}
        _fit_folds(name, rows, splits, wanted, budget, print_line)
        left = None if left is None else max(0.0, left - (time.perf_counter() - started))


def trained_seconds(wanted: Wanted, folds: Sequence[int]) -> float | None:
    """Return the mean training time of a fold, by those that are trained; None where none is."""
    marks = [read_done(fold_directory(wanted.run, fold)) for fold in folds]
    trained = [float(mark["seconds"]) for mark in marks if mark is not None]
    return sum(trained) / len(trained) if trained else None


def allowed_seconds(of_a_fold: float, wanted: Wanted, n_folds: int) -> float:
    """Return what the baselines of the folds may cost, given the training time of one.

    A tenth of the training time; and half a fold's where a process has none to train while others train the last ones.
    """
    idle = of_a_fold / 2 if n_folds % wanted.n_side_by_side else 0.0
    return max(LEAST_SECONDS, SHARE * of_a_fold * n_folds / wanted.n_side_by_side + idle)


def _known(wanted: Wanted, fold: int) -> dict[str, FoldBaseline]:
    return read_baselines(fold_directory(wanted.run, fold), wanted.made_of)


def _lacks(known: FoldBaseline | None, *, forced: bool) -> bool:
    return known is None or (forced and known.proba is None)


def _fit_folds(
    name: str, rows: Rows, splits: Mapping[int, Pair], wanted: Wanted, budget: Budget, print_line: PrintLine
) -> None:
    """Fit one baseline on folds, until it costs more than it may."""
    allowed = budget.allowed
    what, first_train = named(name, rows.spec, rows.source), next(iter(splits.values()))[0]
    try:
        expected = _estimate(name, rows, first_train, len(splits), allowed)
    except Exception:  # scikit-learn may raise anything on unusual data, and so it does below, where it is noted
        expected = 0.0
    if SAID_SECONDS < expected <= allowed:
        print_line(f"fitting the {label(name)}: about {duration(expected)} (baseline=off leaves it out)")
    spent, skipped = 0.0, _too_long(name, expected, budget) if expected > allowed else ""
    for place, (fold, (train, held_out)) in enumerate(splits.items(), 1):
        one = FoldBaseline(what, skipped=skipped) if skipped else _fitted(name, rows, train, held_out, what)
        spent += one.seconds
        if spent / place * len(splits) > 2 * allowed:  # the estimate was far off; else what is begun is finished
            skipped = skipped or _too_long(name, spent / place * len(splits), budget)
        write_baselines(fold_directory(wanted.run, fold), {**_known(wanted, fold), name: one}, wanted.made_of)


def _fitted(name: str, rows: Rows, train: NDArray[np.int64], held_out: NDArray[np.int64], what: str) -> FoldBaseline:
    try:
        with _threads():
            proba, seconds = predict_fold(name, rows, train, held_out)
    except Exception as error:  # scikit-learn may raise anything on unusual data
        return FoldBaseline(what, skipped=f"it cannot be fitted: {type(error).__name__}: {first_line_of(error)}")
    if not np.isfinite(proba).all():
        return FoldBaseline(what, skipped="its predictions are not finite")
    return FoldBaseline(what, proba, seconds)


def _estimate(name: str, rows: Rows, train: NDArray[np.int64], n_folds: int, allowed: float) -> float:
    """Return about how many seconds a baseline takes on all folds, by some rows; 0 where it may take any.

    Boosting is measured by its first iterations: what one costs is the difference. Where so much is spent on a few rows
    already, no more are tried: the measurement itself would take longer than a fold.
    """
    if name == BOOSTING:
        least = n_folds * (ITERATIONS * _trees(rows) * TREE_SECONDS + _cells(rows, train) * CELL_SECONDS)
        if least > allowed:
            return least
    if allowed == math.inf and len(train) < SAMPLE_ROWS:
        return 0.0
    few = np.sort(np.random.default_rng(0).permutation(train)[:SAMPLE_ROWS])
    with _threads():
        if name == BOOSTING:
            least = n_folds * _boosting_seconds(rows, few[:FEWEST_ROWS])
            if least > allowed:
                return least
            seconds = _boosting_seconds(rows, few)
        else:
            of_few = np.arange(len(few))
            seconds = predict_fold(name, rows.some(few), of_few, of_few)[1]
    return seconds * n_folds * len(train) / len(few)


def _boosting_seconds(rows: Rows, few: NDArray[np.int64]) -> float:
    first, sixth = (predict_fold(BOOSTING, rows, few, few[:1], iterations=n)[1] for n in (1, 6))
    return first + (ITERATIONS - 1) * max(0.0, sixth - first) / 5


def _trees(rows: Rows) -> int:
    """Return how many trees an iteration of boosting makes."""
    n_classes = len(rows.spec.classes)
    return n_classes if rows.spec.task.several_labels or n_classes > 2 else 1


def _cells(rows: Rows, train: NDArray[np.int64]) -> int:
    """Return how many cells of a table boosting finds its bins by."""
    assert isinstance(rows.source, TableColumns)
    return min(len(train), BINNED_ROWS) * (len(rows.source.numeric) + len(rows.source.categorical))


def _threads() -> Any:
    """Hold scikit-learn to the threads that torch has here: others train beside it."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(torch.get_num_threads())


def _too_long(name: str, expected: float, budget: Budget) -> str:
    others = ", with the other baselines" if budget.allowed < SHARE * budget.trained else ","
    trained = duration(budget.trained) if budget.trained >= 1 else f"{budget.trained:.2g} s"
    return (
        f"about {duration(expected)}{others} more than a tenth of the training time ({trained}); "
        f"baseline={name} fits it all the same"
    )
