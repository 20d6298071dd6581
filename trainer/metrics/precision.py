"""Precision of the positive class: the share of the rows predicted positive that are."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    return np.where(true_CB[1] > 0, ratio(hit_CB[1], said_CB[1]), math.nan)


@metric(greater_is_better=True, limits=(0, 1), tasks=BINARY_ONLY, label="precision", make_meter=from_counts(_of_counts))
def precision(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the precision at the decision of ``argmax``; 0 where no row is predicted positive, NaN where none is."""
    from sklearn.metrics import precision_score

    if not target.any():
        return math.nan
    return float(precision_score(target, predicted_like(target, proba), zero_division=0.0, sample_weight=weights))
