"""Median absolute error, in the unit of the target: half of the rows are predicted closer."""

import math

from trainer.metrics.contract import NUMBERS, Floats, Targets, metric


@metric(greater_is_better=False, limits=(0, math.inf), tasks=NUMBERS, label="median absolute error")
def medae(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the (weighted) median of the absolute errors."""
    from sklearn.metrics import median_absolute_error

    return float(median_absolute_error(target, proba[:, 0], sample_weight=weights))
