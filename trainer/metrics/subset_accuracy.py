"""Subset accuracy: the share of rows all of whose labels are predicted right."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import mean_of_rows


def _all_right(target_NL: Targets, proba_NL: Floats) -> Floats:
    return np.asarray((target_NL == predicted_like(target_NL, proba_NL)).all(axis=1), dtype=np.float64)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=MULTI_LABEL,
    label="subset accuracy",
    make_meter=mean_of_rows(_all_right),
)
def subset_accuracy(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted share of rows without a wrong label."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, predicted_like(target, proba), sample_weight=weights))
