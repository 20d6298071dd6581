"""The greatest recall of a threshold whose precision is enough: ``recall_at_precision@0.8``; 0.9 unless told."""

import math

from trainer.metrics.contract import BINARY_ONLY, Floats, Number, Targets, metric


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=BINARY_ONLY,
    label="recall at precision {:g}",
    number=Number("least", 0.9, above=0, most=1),
)
def recall_at_precision(target: Targets, proba: Floats, weights: Floats | None = None, *, least: float) -> float:
    """Return the recall at the best threshold that these rows allow, 0 where none does; NaN without a positive row."""
    from sklearn.metrics import precision_recall_curve

    if not target.any():
        return math.nan
    precisions, recalls, _ = precision_recall_curve(target, proba[:, 1], sample_weight=weights)
    return float(recalls[precisions >= least - 1e-12].max())  # the last point is precision 1 at recall 0
