"""Specificity: the share of the negative rows that are predicted so (the recall of the negative class)."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return np.where(true_CB[0] > 0, ratio(hit_CB[0], true_CB[0]), math.nan)


@metric(
    greater_is_better=True, limits=(0, 1), tasks=BINARY_ONLY, label="specificity", make_meter=from_counts(_of_counts)
)
def specificity(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the specificity at the decision of ``argmax``; NaN where no row is negative."""
    from sklearn.metrics import recall_score

    if target.all():
        return math.nan
    return float(recall_score(target, predicted_like(target, proba), pos_label=0, sample_weight=weights))
