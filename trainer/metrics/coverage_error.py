"""Coverage error: how many labels, likeliest first, have to be taken until all that a row has are among them."""

import math

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric


@metric(greater_is_better=False, limits=(-math.inf, math.inf), tasks=MULTI_LABEL, label="coverage error")
def coverage_error(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean over rows; at best the mean number of labels of a row."""
    from sklearn import metrics

    return float(metrics.coverage_error(target, proba, sample_weight=weights))
