"""Balanced accuracy: the mean over classes of the share of their rows predicted right."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return ratio(ratio(hit_CB, true_CB).sum(axis=0), (true_CB > 0).sum(axis=0).astype(np.float64))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=SINGLE_LABEL,
    label="balanced accuracy",
    make_meter=from_counts(_of_counts),
)
def balanced_accuracy(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean recall of the classes that these rows have."""
    from sklearn.metrics import recall_score

    # balanced_accuracy_score is this, with a warning where a class is predicted that the rows lack
    said, there = predicted_like(target, proba), np.unique(target)
    return float(recall_score(target, said, labels=there, average="macro", sample_weight=weights))
