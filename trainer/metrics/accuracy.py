"""Accuracy: the share of rows whose most probable class is the right one."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import mean_of_rows


def _right(target: Targets, proba: Floats) -> Floats:
    return np.asarray(target == predicted_like(target, proba), dtype=np.float64)


@metric(greater_is_better=True, limits=(0, 1), tasks=SINGLE_LABEL, make_meter=mean_of_rows(_right))
def accuracy(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted share of rows predicted right."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, predicted_like(target, proba), sample_weight=weights))
