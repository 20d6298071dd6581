"""Cohen's kappa: agreement beyond what chance gives."""

import math

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like


def agreement(target: Targets, proba: Floats, weights: Floats | None, by: str | None) -> float:
    """Return Cohen's kappa, a mistake counted by how far off it is: ``linear``, ``quadratic``; None = all alike."""
    from sklearn.metrics import cohen_kappa_score

    if len(np.unique(target)) < 2:
        return math.nan
    labels, predicted = np.arange(proba.shape[1]), predicted_like(target, proba)
    return float(cohen_kappa_score(target, predicted, labels=labels, weights=by, sample_weight=weights))


@metric(greater_is_better=True, limits=(-1, 1), tasks=SINGLE_LABEL, label="Cohen's kappa")
def kappa(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the agreement of true and predicted classes; NaN where the rows are all of one class."""
    return agreement(target, proba, weights, None)
