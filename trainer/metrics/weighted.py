"""Metrics for many weightings of the rows at once, which is what the bootstrap needs.

``weights_NB`` holds one weighting of the N rows per column; a metric is computed for all B columns at once. A metric
hands one of ``mean_of_rows``, ``from_counts`` and ``from_ranks`` to ``@metric`` as its ``make_meter``; any other
function ``(target, proba) -> meter`` does too. Tests compare every one with scikit-learn on rows repeated as often as
the weights say.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.contract import Floats, MakeMeter, Meter, Metric, Targets
from trainer.metrics.find import metric_named
from trainer.metrics.predictions import predicted_like, ranked_columns, read_only
from trainer.metrics.ranking import Ranking
from trainer.tasks import Target, Task, of_target


def weighted_metrics(names: Sequence[str], task: Task, target: Target, proba: NDArray[np.float32]) -> dict[str, Meter]:
    """Return by name a function of row weights (N, B) that gives the weighted metric of each column (B,)."""
    target, proba64 = read_only(target, task.as_float64(proba))
    metrics = {name: metric_named(name) for name in names}
    counts, ranked = _Counts(target, proba64), _Ranked(target, proba64)
    meters = {name: _meter(metric, target, proba64, counts, ranked) for name, metric in metrics.items()}
    return {
        name: _with_every_class(meter, counts) if metrics[name].every_class else meter for name, meter in meters.items()
    }


def _with_every_class(meter: Meter, counts: "_Counts") -> Meter:
    """Return the meter, undefined where the rows that count lack a class or a label."""

    def value(weights_NB: Floats) -> Floats:
        _, true_CB, _ = counts.of(weights_NB)
        return np.where((true_CB > 0).all(axis=0), meter(weights_NB), math.nan)

    return value


def _meter(metric: Metric, target: Targets, proba: Floats, counts: "_Counts", ranked: "_Ranked") -> Meter:
    if isinstance(metric.make_meter, FromCounts):
        return metric.make_meter.of(counts)
    if isinstance(metric.make_meter, FromRanks):
        return metric.make_meter.of(ranked)
    if metric.make_meter is None:
        return _by_repeating(metric, target, proba)
    return metric.make_meter(target, proba)


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
        formula: of (C, B) true positives, true rows and predicted rows, and whether rows have labels.
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
        self.target, self.proba = target, proba
        self.last: tuple[Floats, tuple[Floats, Floats, Floats]] | None = None

    @cached_property
    def multi_label(self) -> bool:
        return of_target(self.target).several_labels

    @cached_property
    def sums(self) -> "Sums":
        predicted = predicted_like(self.target, self.proba)
        if self.multi_label:
            return _label_sums(self.target, predicted)
        return _class_sums(self.target, predicted, self.proba.shape[1])

    def of(self, weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        """Return hits, true and predicted rows, (C, B) each."""
        if self.last is None or self.last[0] is not weights_NB:
            self.last = weights_NB, self.sums(weights_NB)
        return self.last[1]


def from_counts(formula: OfCounts) -> FromCounts:
    """Make meters of a formula of (C, B) true positives, true rows and predicted rows, and whether rows have labels."""
    return FromCounts(formula)


Sums = Callable[[Floats], tuple[Floats, Floats, Floats]]  # weights_NB -> hits, true and predicted rows, (C, B) each


def _class_sums(target: Targets, predicted: Targets, n_classes: int) -> Sums:
    """Return what sums over the cells of the confusion matrix, which are then all that is looked at."""
    from scipy.sparse import csr_array

    cells_M, cell_N = np.unique(target * n_classes + predicted, return_inverse=True)
    true_M, said_M = np.divmod(cells_M, n_classes)
    n_cells, rows = len(cells_M), np.arange(len(target))
    of_cell = csr_array((np.ones(len(rows)), (cell_N, rows)), shape=(n_cells, len(rows)))
    of_class = [np.equal.outer(np.arange(n_classes), of_M).astype(np.float64) for of_M in (true_M, said_M)]
    true_CM, said_CM = of_class
    hit_CM = true_CM * said_CM

    def sums(weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        if one_by_one(weights_NB):
            drawn = [np.bincount(cell_N, weights=weights_N, minlength=n_cells) for weights_N in weights_NB.T]
            weights_MB = np.stack(drawn, axis=1)
        else:
            weights_MB = np.asarray(of_cell @ weights_NB)
        return hit_CM @ weights_MB, true_CM @ weights_MB, said_CM @ weights_MB

    return sums


def _label_sums(target_NL: Targets, predicted_NL: Targets) -> Sums:
    parts = [part.T.astype(np.float64) for part in (target_NL * predicted_NL, target_NL, predicted_NL)]

    def sums(weights_NB: Floats) -> tuple[Floats, Floats, Floats]:
        hit_LB, true_LB, said_LB = (np.asarray(part_LN @ weights_NB) for part_LN in parts)
        return hit_LB, true_LB, said_LB

    return sums


def one_by_one(weights_NB: Floats) -> bool:
    """Return whether each weighting lies together in memory, as the bootstrap has them where there are many rows."""
    return weights_NB.flags.f_contiguous and weights_NB.shape[0] > weights_NB.shape[1]


def ratio(above: Any, below: Any) -> Floats:
    """Divide, giving 0 for 0 / 0."""
    above = np.asarray(above, dtype=np.float64)
    divided: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return divided


def summed_products(one: Any, other: Any) -> Floats:
    """Return the sum over the rows of products, (B,) of (P, B) or one number of (P,), in float64."""
    return np.asarray(np.einsum("p...,p...->...", one, other, dtype=np.float64, casting="same_kind"))


# --- ranking: sort once, then cumulative weights ---


Area = Callable[[Floats, Floats, Any], Floats]


@dataclass(frozen=True)
class FromRanks:
    """Makes meters of an area: its mean over the ranked columns.

    Attributes:
        area: see ``from_ranks``.
        of_all: likewise.
    """

    area: Area
    of_all: Callable[[Ranking], float]

    def __call__(self, target: Targets, proba: Floats) -> Meter:
        """Return the meter of some rows."""
        return self.of(_Ranked(target, proba))

    def of(self, ranked: "_Ranked") -> Meter:
        """Return the meter of rows that other meters rank too."""
        ranked.areas.append(self.area)
        return lambda weights_NB: ranked.of(weights_NB)[self.area]


def from_ranks(area: Area, of_all: Callable[[Ranking], float]) -> FromRanks:
    """Make meters of an area computed from cumulative weights, best score first: the mean over ranked columns.

    The area gets the weights of the positives (P, B), the weight of the first n negatives (Q + 1, B) and how each
    positive ranks (see ``_split``), or (P,) and (Q + 1,) of one weighting, in whole numbers where the weights are.
    ``of_all`` gives the same number as scikit-learn of all rows of a column, each counted once.
    """
    return FromRanks(area, of_all)


class _Ranked:
    """Some rows by their scores, cumulated once for all areas that are asked for the same weights one after the other.

    No more than one column is held cumulated: of many classes all would take much memory.
    """

    def __init__(self, target: Targets, proba: Floats) -> None:
        self.target, self.proba = target, proba
        self.areas: list[Area] = []
        self.last: tuple[Floats, dict[Area, Floats]] | None = None

    @cached_property
    def columns(self) -> list[tuple[Targets, Targets, Any]]:
        truth_NK, scores_NK = ranked_columns(self.target, self.proba)
        return [_split(truth_NK[:, k] > 0, scores_NK[:, k]) for k in range(truth_NK.shape[1])]

    def of(self, weights_NB: Floats) -> dict[Area, Floats]:
        """Return the mean of each area over the columns, (B,) each."""
        if self.last is None or self.last[0] is not weights_NB:
            if one_by_one(weights_NB):
                of_each = [self._means(_whole(weights_N)) for weights_N in weights_NB.T]
                means = {area: np.array([one[area] for one in of_each]) for area in self.areas}
            else:
                means = {area: np.asarray(mean) for area, mean in self._means(_whole(weights_NB)).items()}
            self.last = weights_NB, means
        return self.last[1]

    def _means(self, weights: Any) -> dict[Area, Any]:
        sums: dict[Area, Any] = dict.fromkeys(self.areas, 0)
        for positives, negatives, ranks in self.columns:
            of_positives, above = weights.take(positives, axis=0), _cumulated(weights, negatives)
            for area in sums:
                sums[area] = sums[area] + area(of_positives, above, ranks)
        return {area: summed / len(self.columns) for area, summed in sums.items()}


def _whole(weights: Floats) -> Any:
    """Return weights (N,) or (N, B) as whole numbers where they are: sums of these are found several times as fast."""
    most = weights.sum(axis=0).max()
    fitting = [kind for kind in (np.int16, np.int32) if most <= np.iinfo(kind).max // 2]  # two of the sums are added
    if not fitting:
        return weights
    whole = weights.astype(fitting[0])
    return whole if np.array_equal(whole, weights) else weights


def _split(truth_N: NDArray[np.bool_], scores_N: Floats) -> tuple[Targets, Targets, Any]:
    """Return positive and negative rows, best score first, and how each positive ranks.

    The ranks are, per positive: negatives scored above it, negatives scored as high or above (the same array where no
    score of a positive is one of a negative), positives scored as high or above.
    """
    positives, negatives = np.flatnonzero(truth_N), np.flatnonzero(~truth_N)
    positives = positives[np.argsort(-scores_N[positives], kind="stable")]
    negatives = negatives[np.argsort(-scores_N[negatives], kind="stable")]
    at, above = -scores_N[positives], -scores_N[negatives]
    before, as_high = np.searchsorted(above, at, "left"), np.searchsorted(above, at, "right")
    before = as_high if np.array_equal(before, as_high) else before
    return positives, negatives, (before, as_high, np.searchsorted(at, at, "right"))


def _cumulated(weights: Any, rows: NDArray[np.int64]) -> Any:
    """Return (len(rows) + 1, B), or (len(rows) + 1,): the weight of the first n rows."""
    sums = np.zeros((len(rows) + 1, *weights.shape[1:]), dtype=weights.dtype)
    np.cumsum(weights.take(rows, axis=0), axis=0, dtype=sums.dtype, out=sums[1:])
    return sums
