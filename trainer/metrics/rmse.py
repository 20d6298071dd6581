"""Root mean squared error: how far off a prediction is, in the unit of the target, large errors counting more."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Meter, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _squares(target: Targets, proba: Floats) -> Floats:
    return np.asarray((target - proba[:, 0]) ** 2)


def _make_meter(target: Targets, proba: Floats) -> Meter:
    mean_square = mean_of_rows(_squares)(target, proba)
    return lambda weights_NB: np.sqrt(mean_square(weights_NB))


@metric(greater_is_better=False, limits=(0, math.inf), tasks=NUMBERS, label="RMSE", make_meter=_make_meter)
def rmse(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the root of the weighted mean squared error."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(target, proba[:, 0], sample_weight=weights))
