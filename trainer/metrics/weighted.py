"""Metrics for many weightings of the rows at once, which is what the bootstrap needs.

``weights_NB`` holds one weighting of the N rows per column; a metric is computed for all B columns at once. A metric
hands one of ``mean_of_rows``, ``from_counts`` and ``from_ranks`` to ``@metric`` as its ``make_meter``; any other
function ``(target, proba) -> meter`` does too. Tests compare every one with scikit-learn on rows repeated as often as
the weights say.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.contract import Floats, MakeMeter, Meter, Metric, Targets
from trainer.metrics.find import metric_named
from trainer.metrics.predictions import predicted_like, ranked_columns, read_only
from trainer.tasks import Target, Task, of_target


def weighted_metrics(names: Sequence[str], task: Task, target: Target, proba: NDArray[np.float32]) -> dict[str, Meter]:
    """Return by name a function of row weights (N, B) that gives the weighted metric of each column (B,)."""
    target, proba64 = read_only(target, task.as_float64(proba))
    metrics = {name: metric_named(name) for name in names}
    return {
        name: _by_repeating(metric, target, proba64)
        if metric.make_meter is None
        else metric.make_meter(target, proba64)
        for name, metric in metrics.items()
    }


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
        multi_label, predicted = of_target(target).several_labels, predicted_like(target, proba)
        sums = _label_sums(target, predicted) if multi_label else _class_sums(target, predicted, proba.shape[1])

        def meter(weights_NB: Floats) -> Floats:
            hit_CB, true_CB, said_CB = (np.asarray(sum_CN @ weights_NB) for sum_CN in sums)
            return self.formula(hit_CB, true_CB, said_CB, multi_label)

        return meter


def from_counts(formula: OfCounts) -> FromCounts:
    """Make meters of a formula of (C, B) true positives, true rows and predicted rows, and whether rows have labels."""
    return FromCounts(formula)


def _class_sums(target: Targets, predicted: Targets, n_classes: int) -> list[Any]:
    from scipy.sparse import csr_array

    rows, hits = np.arange(len(target)), np.flatnonzero(target == predicted)
    shape = (n_classes, len(target))
    counted = ((hits, target), (rows, target), (rows, predicted))
    return [csr_array((np.ones(len(r)), (c[r], r)), shape=shape) for r, c in counted]


def _label_sums(target_NL: Targets, predicted_NL: Targets) -> list[Any]:
    return [part.T.astype(np.float64) for part in (target_NL * predicted_NL, target_NL, predicted_NL)]


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide, giving 0 for 0 / 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def mean_over_there(value_CB: Floats, true_CB: Floats, said_CB: Floats, multi_label: bool) -> Floats:
    """Return the mean over classes (B,): as in scikit-learn without those neither true nor predicted; of all labels."""
    there_CB = np.ones_like(value_CB) if multi_label else true_CB + said_CB > 0
    return np.asarray(value_CB.sum(axis=0) / there_CB.sum(axis=0))


# --- ranking: sort once, then cumulative weights ---


def from_ranks(area: Callable[[Floats, Floats, Any], Floats]) -> MakeMeter:
    """Make meters of an area computed from cumulative weights, best score first: the mean over ranked columns.

    The area gets the weights of the positives (P, B), the weight of the first n negatives (Q + 1, B) and how each
    positive ranks (see ``_split``).
    """

    def make_meter(target: Targets, proba: Floats) -> Meter:
        truth_NK, scores_NK = ranked_columns(target, proba)
        columns = [_split(truth_NK[:, k] > 0, scores_NK[:, k]) for k in range(truth_NK.shape[1])]

        def meter(weights_NB: Floats) -> Floats:
            total_B = np.zeros(weights_NB.shape[1])
            for positives, negatives, ranks in columns:
                total_B += area(weights_NB[positives], _cumulated(weights_NB, negatives), ranks)
            return total_B / len(columns)

        return meter

    return make_meter


def _split(truth_N: NDArray[np.bool_], scores_N: Floats) -> tuple[Targets, Targets, Any]:
    """Return positive and negative rows, best score first, and how each positive ranks.

    The ranks are, per positive: negatives scored above it, negatives scored as high or above, positives
    scored as high or above.
    """
    positives, negatives = np.flatnonzero(truth_N), np.flatnonzero(~truth_N)
    positives = positives[np.argsort(-scores_N[positives], kind="stable")]
    negatives = negatives[np.argsort(-scores_N[negatives], kind="stable")]
    at, above = -scores_N[positives], -scores_N[negatives]
    ranks = (
        np.searchsorted(above, at, "left"),
        np.searchsorted(above, at, "right"),
        np.searchsorted(at, at, "right"),
    )
    return positives, negatives, ranks


def _cumulated(weights_NB: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return (len(rows) + 1, B): the weight of the first n rows."""
    sums = np.zeros((len(rows) + 1, weights_NB.shape[1]))
    np.cumsum(weights_NB[rows], axis=0, out=sums[1:])
    return sums
