"""Log loss: minus the mean log probability of the right class."""

import math

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _of_row(target: Targets, proba: Floats) -> Floats:
    eps = np.finfo(np.float64).eps  # as scikit-learn clips
    return np.asarray(-np.log(np.clip(proba[np.arange(len(target)), target], eps, 1 - eps)))


@metric(
    greater_is_better=False,
    limits=(0, math.inf),
    tasks=SINGLE_LABEL,
    label="log loss",
    make_meter=mean_of_rows(_of_row),
)
def log_loss(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean over rows, by the natural logarithm."""
    if weights is None:  # the number of scikit-learn to the bit, without a table of ones and zeros
        from scipy.special import xlogy

        eps = np.finfo(np.float64).eps
        right_N = np.take_along_axis(proba, target[:, None], axis=1)[:, 0].clip(eps, 1 - eps)
        return float(-xlogy(1.0, right_N).mean())
    from sklearn import metrics

    return float(metrics.log_loss(target, proba, labels=np.arange(proba.shape[1]), sample_weight=weights))
