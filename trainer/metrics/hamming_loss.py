"""Hamming loss: the share of labels predicted wrong, over all rows."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import mean_of_rows


def _wrong(target_NL: Targets, proba_NL: Floats) -> Floats:
    return np.asarray((target_NL != predicted_like(target_NL, proba_NL)).mean(axis=1))


@metric(
    greater_is_better=False,
    limits=(0, 1),
    tasks=MULTI_LABEL,
    label="Hamming loss",
    make_meter=mean_of_rows(_wrong),
)
def hamming_loss(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted share of labels predicted wrong."""
    from sklearn import metrics

    return float(metrics.hamming_loss(target, predicted_like(target, proba), sample_weight=weights))
