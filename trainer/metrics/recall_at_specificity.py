"""The greatest recall of a threshold whose specificity is enough: ``recall_at_specificity@0.95``; 0.9 unless told."""

import math

from trainer.metrics.contract import BINARY_ONLY, Floats, Number, Targets, metric


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=BINARY_ONLY,
    label="recall at specificity {:g}",
    number=Number("least", 0.9, above=0, most=1),
)
def recall_at_specificity(target: Targets, proba: Floats, weights: Floats | None = None, *, least: float) -> float:
    """Return the recall at the best threshold that these rows allow; NaN where a class has no row."""
    from sklearn.metrics import roc_curve

    if not 0 < target.sum() < len(target):
        return math.nan
    fpr, tpr, _ = roc_curve(target, proba[:, 1], sample_weight=weights, drop_intermediate=False)
    return float(tpr[1 - fpr >= least - 1e-12].max())
