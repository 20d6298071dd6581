"""G-mean: the geometric mean of the recalls of the classes (Kubat and Matwin 1997); 0 where a class is never found."""

import math

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, _: Floats, __: bool) -> Floats:
    there_CB = true_CB > 0
    product_B = np.where(there_CB, ratio(hit_CB, true_CB), 1.0).prod(axis=0)
    n_B = there_CB.sum(axis=0)
    return np.where(n_B > 1, product_B ** (1 / np.maximum(n_B, 1)), math.nan)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=SINGLE_LABEL,
    label="G-mean",
    make_meter=from_counts(_of_counts),
    every_class=True,
)
def g_mean(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the geometric mean over the classes; NaN where one has no row."""
    from sklearn.metrics import recall_score

    recalls = recall_score(target, predicted_like(target, proba), average=None, sample_weight=weights)
    return float(np.prod(recalls) ** (1 / len(recalls)))
