"""Average precision; several classes or labels: the mean, each against the rest."""

import math
from typing import Any

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import ranked_columns
from trainer.metrics.ranking import precision_area
from trainer.metrics.weighted import ratio, summed_products
from trainer.metrics.weighted_ranks import from_ranks


def _area(positive_PB: Floats, negatives_above_QB: Floats, ranks: Any) -> Floats:
    """Mean over positives of the precision at their score (the step-wise integral of scikit-learn)."""
    _, negatives_as_high, positives_as_high = ranks
    hits_PB = np.cumsum(positive_PB, axis=0, dtype=positive_PB.dtype).take(positives_as_high - 1, axis=0)
    precision_PB = ratio(hits_PB, hits_PB + negatives_above_QB.take(negatives_as_high, axis=0))
    total_B = positive_PB.sum(axis=0, dtype=np.float64)
    mean_B = ratio(summed_products(positive_PB, precision_PB), total_B)
    return np.where(total_B > 0, mean_B, math.nan)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="average precision",
    make_meter=from_ranks(_area, precision_area),
)
def average_precision(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the step-wise area under the precision-recall curve; NaN where a class or label has no row."""
    from sklearn.metrics import average_precision_score

    truth_NK, scores_NK = ranked_columns(target, proba)
    if not (truth_NK.sum(axis=0) > 0).all():
        return math.nan
    return float(average_precision_score(truth_NK, scores_NK, average="macro", sample_weight=weights))
