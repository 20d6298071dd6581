"""Spearman's rank correlation: whether larger predictions go with larger targets, whatever their scale."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Meter, Targets, metric


def _weighted_ranks(values_N: Floats) -> Meter:
    """Return the function of weights (N, B) that gives mean ranks (N, B), a row of weight w counting as w rows."""
    _, place_N = np.unique(values_N, return_inverse=True)
    order = np.argsort(place_N, kind="stable")
    starts = np.flatnonzero(np.diff(place_N[order], prepend=-1))

    def ranks(weights_NB: Floats) -> Floats:
        tied_UB = np.add.reduceat(weights_NB[order], starts, axis=0)
        return np.asarray((tied_UB.cumsum(axis=0) - (tied_UB - 1) / 2)[place_N])

    return ranks


def _correlation(left_NB: Floats, right_NB: Floats, weights_NB: Floats) -> Floats:
    """Return the weighted Pearson correlation of each column (B,); NaN where a side does not vary."""
    rows_B = weights_NB.sum(axis=0)
    left_NB = left_NB - (left_NB * weights_NB).sum(axis=0) / rows_B
    right_NB = right_NB - (right_NB * weights_NB).sum(axis=0) / rows_B
    products = ((left_NB, right_NB), (left_NB, left_NB), (right_NB, right_NB))
    both_B, one_B, other_B = ((a * b * weights_NB).sum(axis=0) for a, b in products)
    spread_B = np.sqrt(one_B * other_B)
    return np.asarray(np.divide(both_B, spread_B, out=np.full_like(rows_B, math.nan), where=spread_B > 1e-9))


def _make_meter(target: Targets, proba: Floats) -> Meter:
    of_target, of_prediction = _weighted_ranks(target), _weighted_ranks(proba[:, 0])
    return lambda weights_NB: _correlation(of_target(weights_NB), of_prediction(weights_NB), weights_NB)


@metric(greater_is_better=True, limits=(-1, 1), tasks=NUMBERS, label="Spearman ρ", make_meter=_make_meter)
def spearman(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the correlation of the (mean) ranks; NaN where a side is constant. A row of weight w counts as w rows."""
    from scipy.stats import spearmanr

    if (target == target[0]).all() or (proba == proba[0]).all():
        return math.nan
    if weights is None:
        return float(spearmanr(target, proba[:, 0]).statistic)
    return float(_make_meter(target, proba)(weights[:, None])[0])
