"""F1 of the positive class, as in scikit-learn's ``f1_score`` of two classes."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    return np.where(true_CB[1] > 0, ratio(2 * hit_CB[1], true_CB[1] + said_CB[1]), math.nan)


@metric(greater_is_better=True, limits=(0, 1), tasks=BINARY_ONLY, label="F1", make_meter=from_counts(_of_counts))
def f1(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the F1 at the decision of ``argmax``; NaN where no row is positive."""
    from sklearn.metrics import f1_score

    if not target.any():
        return math.nan
    return float(f1_score(target, predicted_like(target, proba), zero_division=0.0, sample_weight=weights))
