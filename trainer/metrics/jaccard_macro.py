"""Macro Jaccard index (intersection over union), the mean over classes or labels."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    return np.asarray(ratio(hit_CB, true_CB + said_CB - hit_CB).mean(axis=0))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="Jaccard (macro)",
    make_meter=from_counts(_of_counts),
    every_class=True,
)
def jaccard_macro(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean index; NaN where a class or label has no row."""
    from sklearn.metrics import jaccard_score

    predicted = predicted_like(target, proba)
    return float(jaccard_score(target, predicted, average="macro", zero_division=0.0, sample_weight=weights))
