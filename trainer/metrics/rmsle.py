"""Root mean squared error of the logarithms of 1 + value: what counts is by which factor a prediction is off."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Targets, metric


@metric(greater_is_better=False, limits=(0, math.inf), tasks=NUMBERS, label="RMSLE")
def rmsle(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted error; a prediction below 0 counts as 0, NaN where a target is below 0."""
    from sklearn.metrics import root_mean_squared_log_error

    if (target < 0).any():
        return math.nan
    return float(root_mean_squared_log_error(target, np.maximum(proba[:, 0], 0), sample_weight=weights))
