"""Macro recall: the share of the rows of a class or label that are predicted so, the mean over classes or labels."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    return np.asarray(ratio(hit_CB, true_CB).mean(axis=0))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="recall (macro)",
    make_meter=from_counts(_of_counts),
    every_class=True,
)
def recall_macro(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean recall; NaN where a class or label has no row."""
    from sklearn.metrics import recall_score

    predicted = predicted_like(target, proba)
    return float(recall_score(target, predicted, average="macro", zero_division=0.0, sample_weight=weights))
