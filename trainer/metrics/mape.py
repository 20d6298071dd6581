"""Mean absolute percentage error, as a share: 0.1 is 10 %."""

import math

import numpy as np

from trainer.metrics.contract import NUMBERS, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _share(target: Targets, proba: Floats) -> Floats:
    return np.abs(target - proba[:, 0]) / np.abs(target) if target.all() else np.full(len(target), math.nan)


@metric(greater_is_better=False, limits=(0, math.inf), tasks=NUMBERS, label="MAPE", make_meter=mean_of_rows(_share))
def mape(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean of error over target; NaN where a target is 0, which would be divided by."""
    return float(np.average(_share(target, proba), weights=weights))
