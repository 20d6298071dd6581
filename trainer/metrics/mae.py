"""Mean absolute error, in the unit of the target."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _distance(target: Targets, proba: Floats) -> Floats:
    return np.abs(target - proba[:, 0])


@metric(greater_is_better=False, limits=(0, math.inf), tasks=NUMBERS, label="MAE", make_meter=mean_of_rows(_distance))
def mae(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(target, proba[:, 0], sample_weight=weights))
