"""Quadratic weighted kappa (QWK) of ordered classes: a mistake counts by the square of how many classes it is off."""

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.kappa import agreement


@metric(greater_is_better=True, limits=(-1, 1), tasks=SINGLE_LABEL, label="kappa (quadratic)", ordered=True)
def kappa_quadratic(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the agreement of true and predicted classes; NaN where the rows are all of one class.

    The order of the classes is that of their numbers, which is that of their labels as the report lists them;
    ``data.class_order`` sets it.
    """
    return agreement(target, proba, weights, "quadratic")
