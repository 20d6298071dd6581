"""The metrics of ``trainer.metrics.scores`` with row weights, for many weightings at once: what the bootstrap needs.

``weights_NB`` holds one weighting of the N rows per column; a metric is computed for all B columns at once.
Tests compare every one with scikit-learn on rows repeated as often as the weights say.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.scores import as_probabilities, predicted_classes, ranked_columns

Floats = NDArray[np.float64]
_Meter = Callable[[Floats], Floats]  # weights_NB -> value per column (B,)


def weighted_metrics(
    names: Sequence[str], task: str, target: NDArray[np.int64], proba: NDArray[np.float32]
) -> dict[str, _Meter]:
    """Return by name a function of row weights (N, B) that gives the weighted metric of each column (B,)."""
    proba64 = as_probabilities(task, proba)
    predicted = predicted_classes(task, proba)
    meters = {}
    for name in names:
        if name in _PER_ROW:
            meters[name] = _mean_meter(_PER_ROW[name](target, predicted, proba64))
        elif name in _RANKING:
            meters[name] = _ranking_meter(_RANKING[name], *ranked_columns(target, proba64))
        elif task == "multilabel":
            meters[name] = _count_meter(_F1[name], target, predicted)
        else:
            meters[name] = _class_meter(name, target, predicted, proba.shape[1])
    return meters


# --- means of a value per row ---


def _mean_meter(values_N: Floats) -> _Meter:
    def meter(weights_NB: Floats) -> Floats:
        return np.asarray(values_N @ weights_NB / weights_NB.sum(axis=0))

    return meter


def _log_loss_rows(target: NDArray[np.int64], _: NDArray[np.int64], proba: Floats) -> Floats:
    eps = np.finfo(np.float64).eps  # as scikit-learn clips
    return np.asarray(-np.log(np.clip(proba[np.arange(len(target)), target], eps, 1 - eps)))


def _brier_rows(target: NDArray[np.int64], _: NDArray[np.int64], proba: Floats) -> Floats:
    error_NC = proba.copy()
    error_NC[np.arange(len(target)), target] -= 1
    return np.asarray((error_NC**2).sum(axis=1) * (0.5 if proba.shape[1] == 2 else 1.0))


def _lrap_rows(target_NL: NDArray[np.int64], _: NDArray[np.int64], scores_NL: Floats) -> Floats:
    """Mean over a row's true labels of true labels ranked as high / labels ranked as high; 1 without any."""
    from scipy.stats import rankdata

    true_NL = target_NL > 0
    rank_NL = rankdata(-scores_NL, method="max", axis=1)
    rank_among_true_NL = rankdata(np.where(true_NL, -scores_NL, np.inf), method="max", axis=1)
    share_NL = np.where(true_NL, rank_among_true_NL / rank_NL, 0.0)
    n_true_N = true_NL.sum(axis=1)
    return np.where(n_true_N == 0, 1.0, share_NL.sum(axis=1) / np.maximum(n_true_N, 1))


_PER_ROW: dict[str, Callable[[NDArray[np.int64], NDArray[np.int64], Floats], Floats]] = {
    "accuracy": lambda target, predicted, _: (target == predicted).astype(np.float64),
    "log_loss": _log_loss_rows,
    "brier": _brier_rows,
    "hamming_loss": lambda target, predicted, _: (target != predicted).mean(axis=1),
    "subset_accuracy": lambda target, predicted, _: (target == predicted).all(axis=1).astype(np.float64),
    "lrap": _lrap_rows,
}


# --- counts per class or label: (C, B) true positives, true rows, predicted rows ---

_FromCounts = Callable[[Floats, Floats, Floats], Floats]


def _class_meter(name: str, target: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> _Meter:
    from scipy.sparse import csr_array

    rows, hits = np.arange(len(target)), np.flatnonzero(target == predicted)
    shape = (n_classes, len(target))
    sums = [
        csr_array((np.ones(len(r)), (c[r], r)), shape=shape)
        for r, c in ((hits, target), (rows, target), (rows, predicted))
    ]
    formula = _FROM_COUNTS[name]

    def meter(weights_NB: Floats) -> Floats:
        return formula(*(np.asarray(sum_CN @ weights_NB) for sum_CN in sums))

    return meter


def _count_meter(formula: _FromCounts, target: NDArray[np.int64], predicted: NDArray[np.int64]) -> _Meter:
    counted = [part.T.astype(np.float64) for part in (target * predicted, target, predicted)]

    def meter(weights_NB: Floats) -> Floats:
        return formula(*(part_LN @ weights_NB for part_LN in counted))

    return meter


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide, giving 0 for 0 / 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _f1_macro_labels(hit_LB: Floats, true_LB: Floats, said_LB: Floats) -> Floats:
    return np.asarray(_ratio(2 * hit_LB, true_LB + said_LB).mean(axis=0))


def _f1_macro_classes(hit_CB: Floats, true_CB: Floats, said_CB: Floats) -> Floats:
    f1_CB = _ratio(2 * hit_CB, true_CB + said_CB)
    return np.asarray(f1_CB.sum(axis=0) / (true_CB + said_CB > 0).sum(axis=0))


def _f1_micro(hit_CB: Floats, true_CB: Floats, said_CB: Floats) -> Floats:
    return _ratio(2 * hit_CB.sum(axis=0), (true_CB + said_CB).sum(axis=0))


def _f1_weighted(hit_CB: Floats, true_CB: Floats, said_CB: Floats) -> Floats:
    f1_CB = _ratio(2 * hit_CB, true_CB + said_CB)
    return _ratio((f1_CB * true_CB).sum(axis=0), true_CB.sum(axis=0))


def _balanced_accuracy(hit_CB: Floats, true_CB: Floats, _: Floats) -> Floats:
    return _ratio(_ratio(hit_CB, true_CB).sum(axis=0), (true_CB > 0).sum(axis=0).astype(np.float64))


def _mcc(hit_CB: Floats, true_CB: Floats, said_CB: Floats) -> Floats:
    """Multi-class Matthews correlation (Gorodkin 2004); 0 where either side is constant."""
    n_B = true_CB.sum(axis=0)
    covariance_B = hit_CB.sum(axis=0) * n_B - (true_CB * said_CB).sum(axis=0)
    variance_B = (n_B**2 - (true_CB**2).sum(axis=0)) * (n_B**2 - (said_CB**2).sum(axis=0))
    return _ratio(covariance_B, np.sqrt(variance_B))


_F1: dict[str, _FromCounts] = {"f1_macro": _f1_macro_labels, "f1_micro": _f1_micro}
_FROM_COUNTS: dict[str, _FromCounts] = {
    "f1_macro": _f1_macro_classes,
    "f1_micro": _f1_micro,
    "f1_weighted": _f1_weighted,
    "balanced_accuracy": _balanced_accuracy,
    "mcc": _mcc,
}


# --- ranking: sort once, then cumulative weights ---


def _ranking_meter(
    area: Callable[[Floats, Floats, Any], Floats], truth_NK: NDArray[np.int64], scores_NK: Floats
) -> _Meter:
    """Return the mean over columns of an area computed from cumulative weights, best score first."""
    columns = [_split(truth_NK[:, k] > 0, scores_NK[:, k]) for k in range(truth_NK.shape[1])]

    def meter(weights_NB: Floats) -> Floats:
        total_B = np.zeros(weights_NB.shape[1])
        for positives, negatives, ranks in columns:
            total_B += area(weights_NB[positives], _cumulated(weights_NB, negatives), ranks)
        return total_B / len(columns)

    return meter


def _split(truth_N: NDArray[np.bool_], scores_N: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
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


def _auc(positive_PB: Floats, negatives_above_QB: Floats, ranks: Any) -> Floats:
    """Share of (positive, negative) pairs ranked right, ties counted half (Mann-Whitney)."""
    above, as_high, _ = ranks
    wrong_PB = negatives_above_QB[above] + negatives_above_QB[as_high]
    pairs_B = positive_PB.sum(axis=0) * negatives_above_QB[-1]
    wrong_B = 0.5 * np.einsum("pb,pb->b", positive_PB, wrong_PB)
    return np.where(pairs_B > 0, 1 - _ratio(wrong_B, pairs_B), math.nan)


def _average_precision(positive_PB: Floats, negatives_above_QB: Floats, ranks: Any) -> Floats:
    """Mean over positives of the precision at their score (the step-wise integral of scikit-learn)."""
    _, negatives_as_high, positives_as_high = ranks
    hits_PB = np.cumsum(positive_PB, axis=0)[positives_as_high - 1]
    precision_PB = _ratio(hits_PB, hits_PB + negatives_above_QB[negatives_as_high])
    total_B = positive_PB.sum(axis=0)
    mean_B = _ratio(np.einsum("pb,pb->b", positive_PB, precision_PB), total_B)
    return np.where(total_B > 0, mean_B, math.nan)


_RANKING = {"roc_auc": _auc, "average_precision": _average_precision}
