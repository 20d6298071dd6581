"""Metrics for many weightings of the rows at once, which is what the bootstrap needs.

``weights_NB`` holds one weighting of the N rows per column; a metric is computed for all B columns at once. A metric
hands one of ``mean_of_rows``, ``from_counts`` and ``from_ranks`` to ``@metric`` as its ``make_meter``; any other
function ``(target, proba) -> meter`` does too. Tests compare every one with scikit-learn on rows repeated as often as
the weights say.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.contract import Floats, MakeMeter, Meter, Metric, Targets
from trainer.metrics.find import metric_named
from trainer.metrics.predictions import predicted_like, read_only
from trainer.metrics.weighted_ranks import FromRanks, Ranked, one_by_one
from trainer.tasks import Target, Task, of_target


def weighted_metrics(names: Sequence[str], task: Task, target: Target, proba: NDArray[np.float32]) -> dict[str, Meter]:
    """Return by name a function of row weights (N, B) that gives the weighted metric of each column (B,)."""
    target, proba64 = read_only(target, task.as_float64(proba))
    rows = _Rows(target, proba64)
    return {name: _meter(metric_named(name), rows) for name in names}


class _Rows:
    """Some rows; what several metrics need of them is found out once. No meter keeps them for later itself.

    Args:
        target: (N,) or (N, L).
        proba: (N, C) or (N, L).
    """

    def __init__(self, target: Targets, proba: Floats) -> None:
        self.target, self.proba = target, proba

    @cached_property
    def counts(self) -> "_Counts":
        return _Counts(self.target, self.proba)

    @cached_property
    def ranked(self) -> Ranked:
        return Ranked(self.target, self.proba)


def _meter(metric: Metric, rows: _Rows) -> Meter:
    meter = _of_metric(metric, rows)
    return _with_every_class(meter, rows.counts) if metric.every_class else meter


def _with_every_class(meter: Meter, counts: "_Counts") -> Meter:
    """Return the meter, undefined where the rows that count lack a class or a label."""

    def value(weights_NB: Floats) -> Floats:
        _, true_CB, _ = counts.of(weights_NB)
        return np.where((true_CB > 0).all(axis=0), meter(weights_NB), math.nan)

    return value


def _of_metric(metric: Metric, rows: _Rows) -> Meter:
    if isinstance(metric.make_meter, FromCounts):
        return metric.make_meter.of(rows.counts)
    if isinstance(metric.make_meter, FromRanks):
        return metric.make_meter.of(rows.ranked)
    if metric.make_meter is None:
        return _by_repeating(metric, rows.target, rows.proba)
    return metric.make_meter(rows.target, rows.proba)


def _by_repeating(metric: Metric, target: Targets, proba: Floats) -> Meter:
    """Return a meter that calls the metric on rows repeated as often as (whole) weights say.

    A function that does not look at its weights is right too. Rows on which it raises have no value: the bootstrap
    draws rows that lack a class, and the metric has been tried on the rows that are scored.
    """

    def value(counts_N: Floats) -> float:
        rows = np.repeat(np.arange(len(target)), counts_N.astype(np.int64))
        try:
            return metric(target[rows], proba[rows])
        except Exception:  # a function of the user's may raise anything
            return math.nan

    return lambda weights_NB: np.array([value(counts_N) for counts_N in weights_NB.T])


# --- means of a value per row ---


def mean_of_rows(of_row: Callable[[Targets, Floats], Floats]) -> MakeMeter:
    """Make meters of a function that gives each row's value (N,): the metric is their weighted mean."""

    def make_meter(target: Targets, proba: Floats) -> Meter:
        values_N = of_row(target, proba)
        return lambda weights_NB: np.asarray(values_N @ weights_NB / weights_NB.sum(axis=0))

    return make_meter


# --- counts per class or label ---

OfCounts = Callable[[Floats, Floats, Floats, bool], Floats]


@dataclass(frozen=True)
class FromCounts:
    """Makes meters of counts; what is computed of counts alone can also be searched for the best thresholds.

    Attributes:
        formula: of (C, B), or (C,), true positives, true rows and predicted rows, and whether rows have labels.
    """

    formula: OfCounts

    def __call__(self, target: Targets, proba: Floats) -> Meter:
        """Return the meter of some rows."""
        return self.of(_Counts(target, proba))

    def of(self, counts: "_Counts") -> Meter:
        """Return the meter of rows that other meters count too."""
        return lambda weights_NB: self.formula(*counts.of(weights_NB), counts.multi_label)


class _Counts:
    """Counts of some rows, taken once for all metrics that are asked for the same weights one after the other."""

    def __init__(self, target: Targets, proba: Floats) -> None:
        predicted = predicted_like(target, proba)
        self.multi_label = of_target(target).several_labels
        self.sums = (
            _label_sums(target, predicted) if self.multi_label else _class_sums(target, predicted, proba.shape[1])
        )
        self.last: tuple[ReferenceType[Floats], tuple[Floats, Floats, Floats]] | None = None

    def of(self, weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        """Return hits, true and predicted rows, (C, B) each."""
        if self.last is None or self.last[0]() is not weights_NB:
            self.last = ref(weights_NB), self.sums(weights_NB)  # which another draw may take the room of
        return self.last[1]


def from_counts(formula: OfCounts) -> FromCounts:
    """Make meters of a formula of (C, B) true positives, true rows and predicted rows, and whether rows have labels."""
    return FromCounts(formula)


_LANES = 8  # sums of each cell, of rows in turn: the processor need not wait for one sum before it adds to the next
_AT_A_TIME = 1 << 18  # rows
Sums = Callable[[Floats], tuple[Floats, Floats, Floats]]  # weights_NB -> hits, true and predicted rows, (C, B) each


def _class_sums(target: Targets, predicted: Targets, n_classes: int) -> Sums:
    """Return what sums over the cells of the confusion matrix, which are then all that is looked at."""
    true_M, said_M, cell_N = confusion_cells(target, predicted, n_classes)
    n_cells = len(true_M)
    of_class = [np.equal.outer(np.arange(n_classes), of_M).astype(np.float64) for of_M in (true_M, said_M)]
    true_CM, said_CM = of_class
    hit_CM = true_CM * said_CM

    @cache  # only where the weightings do not lie one by one
    def of_cell() -> Any:
        from scipy.sparse import csr_array

        rows = np.arange(len(cell_N))
        return csr_array((np.ones(len(rows)), (cell_N, rows)), shape=(n_cells, len(rows)))

    @cache
    def lane_N() -> Targets:
        lanes = np.arange(_LANES, dtype=cell_N.dtype)
        return np.asarray(cell_N * lanes.dtype.type(_LANES) + np.resize(lanes, len(cell_N)))

    def sums(weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        if one_by_one(weights_NB):
            weights_MB = np.stack([_sums_of(lane_N(), n_cells, weights_N) for weights_N in weights_NB.T], axis=1)
        else:
            weights_MB = np.asarray(of_cell() @ weights_NB)
        return hit_CM @ weights_MB, true_CM @ weights_MB, said_CM @ weights_MB

    return sums


def _sums_of(lane_N: Targets, n_cells: int, weights_N: Floats) -> Floats:
    """Return the weight of each cell (M,), of some rows at a time: to count them takes a number of 64 bits for each."""
    sums = np.zeros(n_cells * _LANES)
    for start in range(0, len(lane_N), _AT_A_TIME):
        rows = slice(start, start + _AT_A_TIME)
        sums += np.bincount(lane_N[rows], weights=weights_N[rows], minlength=len(sums))
    return np.asarray(sums.reshape(n_cells, _LANES).sum(axis=1))


def confusion_cells(target: Targets, predicted: Targets, n_classes: int) -> tuple[Targets, Targets, Targets]:
    """Return true and predicted class of each cell that is not empty (M,), and the cell of each row (N,)."""
    cell_N = target * n_classes
    cell_N += predicted
    if n_classes**2 > len(cell_N):
        cells_M, cell_N = np.unique(cell_N, return_inverse=True)
    else:
        cells_M = np.flatnonzero(np.bincount(cell_N))
        places = np.zeros(cells_M[-1] + 1, dtype=np.min_scalar_type(len(cells_M) * _LANES))
        places[cells_M] = np.arange(len(cells_M))
        cell_N = places[cell_N]
    return *np.divmod(cells_M, n_classes), cell_N


def _label_sums(target_NL: Targets, predicted_NL: Targets) -> Sums:
    parts = [part.T.astype(np.float64) for part in (target_NL * predicted_NL, target_NL, predicted_NL)]

    def sums(weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        hit_LB, true_LB, said_LB = (np.asarray(part_LN @ weights_NB) for part_LN in parts)
        return hit_LB, true_LB, said_LB

    return sums


def ratio(above: Any, below: Any) -> Floats:
    """Divide, giving 0 for 0 / 0."""
    above = np.asarray(above, dtype=np.float64)
    divided: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return divided


def summed_products(one: Any, other: Any) -> Floats:
    """Return the sum over the rows of products, (B,) of (P, B) or one number of (P,), in float64."""
    return np.asarray(np.einsum("p...,p...->...", one, other, dtype=np.float64, casting="same_kind"))
