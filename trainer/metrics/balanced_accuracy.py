"""Balanced accuracy: the mean over classes of the share of their rows predicted right."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return np.asarray(ratio(hit_CB, true_CB).mean(axis=0))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=SINGLE_LABEL,
    label="balanced accuracy",
    make_meter=from_counts(_of_counts),
    every_class=True,
)
def balanced_accuracy(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean recall of the classes; NaN where one has no row."""
    from sklearn.metrics import recall_score

    return float(recall_score(target, predicted_like(target, proba), average="macro", sample_weight=weights))
