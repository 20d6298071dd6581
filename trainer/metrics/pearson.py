"""Pearson's correlation of target and prediction."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Targets, metric


@metric(greater_is_better=True, limits=(-1, 1), tasks=NUMBERS, label="Pearson")
def pearson(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted correlation; NaN where a side is constant."""
    if np.ptp(target) == 0 or np.ptp(proba) == 0:
        return math.nan
    covariance = np.cov(target, proba[:, 0], ddof=0, aweights=weights)
    below = math.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(np.clip(covariance[0, 1] / below, -1, 1)) if below > 0 else math.nan
