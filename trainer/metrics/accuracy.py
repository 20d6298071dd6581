"""Accuracy: the share of rows whose most probable class is the right one."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return np.asarray(hit_CB.sum(axis=0) / true_CB.sum(axis=0))


@metric(greater_is_better=True, limits=(0, 1), tasks=SINGLE_LABEL, make_meter=from_counts(_of_counts))
def accuracy(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted share of rows predicted right."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, predicted_like(target, proba), sample_weight=weights))
