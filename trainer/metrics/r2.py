"""Coefficient of determination: the share of the target's variance that is predicted; 0 is always saying the mean."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Meter, Targets, metric


def _make_meter(target: Targets, proba: Floats) -> Meter:
    centred_N = target - target.mean()  # any shift gives the same variance, this one loses no digits
    squares_N, wrong_N = centred_N**2, (target - proba[:, 0]) ** 2

    def meter(weights_NB: Floats) -> Floats:
        rows_B = weights_NB.sum(axis=0)
        variance_B = squares_N @ weights_NB - (centred_N @ weights_NB) ** 2 / rows_B
        defined_B = ((weights_NB > 0).sum(axis=0) > 1) & (variance_B > 1e-12 * (squares_N @ weights_NB))
        share_B = np.divide(wrong_N @ weights_NB, variance_B, out=np.full_like(rows_B, math.nan), where=defined_B)
        return np.asarray(1 - share_B)

    return meter


@metric(greater_is_better=True, limits=(-math.inf, 1), tasks=NUMBERS, label="R²", make_meter=_make_meter)
def r2(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted coefficient; NaN where all targets are the same."""
    from sklearn.metrics import r2_score

    if len(target) < 2 or (target == target[0]).all():
        return math.nan
    return float(r2_score(target, proba[:, 0], sample_weight=weights))
