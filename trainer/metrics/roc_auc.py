"""Area under the ROC curve; several classes or labels: the mean, each against the rest."""

import math
from typing import Any

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import ranked_columns
from trainer.metrics.ranking import roc_area
from trainer.metrics.weighted import ratio, summed_products
from trainer.metrics.weighted_ranks import from_ranks


def _area(positive_PB: Floats, negatives_above_QB: Floats, ranks: Any) -> Floats:
    """Share of (positive, negative) pairs ranked right, ties counted half (Mann-Whitney)."""
    above, as_high, _ = ranks
    above_PB = negatives_above_QB.take(above, axis=0)
    wrong_PB = above_PB + (above_PB if above is as_high else negatives_above_QB.take(as_high, axis=0))
    pairs_B = positive_PB.sum(axis=0, dtype=np.float64) * negatives_above_QB[-1]
    wrong_B = 0.5 * summed_products(positive_PB, wrong_PB)
    return np.where(pairs_B > 0, 1 - ratio(wrong_B, pairs_B), math.nan)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="ROC AUC",
    make_meter=from_ranks(_area, roc_area),
)
def roc_auc(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the area; NaN where a class or label has no row, or all of them."""
    from sklearn.metrics import roc_auc_score

    truth_NK, scores_NK = ranked_columns(target, proba)
    positives_K = truth_NK.sum(axis=0)
    if not ((positives_K > 0) & (positives_K < len(truth_NK))).all():
        return math.nan
    return float(roc_auc_score(truth_NK, scores_NK, average="macro", sample_weight=weights))
