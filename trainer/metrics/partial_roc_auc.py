"""ROC AUC up to a false positive rate, 0.5 for chance (McClish 1989): ``partial_roc_auc@0.05``; 0.1 unless told."""

import math

from trainer.metrics.contract import BINARY_ONLY, Floats, Number, Targets, metric


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=BINARY_ONLY,
    label="ROC AUC to FPR {:g}",
    number=Number("max_fpr", 0.1, above=0, most=1),
)
def partial_roc_auc(target: Targets, proba: Floats, weights: Floats | None = None, *, max_fpr: float) -> float:
    """Return the standardised partial area; NaN where a class has no row."""
    from sklearn.metrics import roc_auc_score

    if not 0 < target.sum() < len(target):
        return math.nan
    return float(roc_auc_score(target, proba[:, 1], max_fpr=max_fpr, sample_weight=weights))
