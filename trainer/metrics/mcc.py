"""Matthews correlation coefficient, for several classes too (Gorodkin 2004)."""

import math

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    n_B = true_CB.sum(axis=0)
    covariance_B = hit_CB.sum(axis=0) * n_B - (true_CB * said_CB).sum(axis=0)
    variance_B = (n_B**2 - (true_CB**2).sum(axis=0)) * (n_B**2 - (said_CB**2).sum(axis=0))
    return np.where((true_CB > 0).sum(axis=0) > 1, ratio(covariance_B, np.sqrt(variance_B)), math.nan)


@metric(greater_is_better=True, limits=(-1, 1), tasks=SINGLE_LABEL, label="MCC", make_meter=from_counts(_of_counts))
def mcc(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the correlation of true and predicted classes.

    0 where only one class is predicted, as in scikit-learn; NaN where the rows are all of one class, as nothing that is
    predicted could change the value.
    """
    from sklearn.metrics import matthews_corrcoef

    if len(np.unique(target)) < 2:
        return math.nan
    return float(matthews_corrcoef(target, predicted_like(target, proba), sample_weight=weights))
