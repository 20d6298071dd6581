"""Recall (sensitivity) of the positive class: the share of the positive rows that are predicted so."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return np.where(true_CB[1] > 0, ratio(hit_CB[1], true_CB[1]), math.nan)


@metric(greater_is_better=True, limits=(0, 1), tasks=BINARY_ONLY, label="recall", make_meter=from_counts(_of_counts))
def recall(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the recall at the decision of ``argmax``; NaN where no row is positive."""
    from sklearn.metrics import recall_score

    if not target.any():
        return math.nan
    return float(recall_score(target, predicted_like(target, proba), sample_weight=weights))
