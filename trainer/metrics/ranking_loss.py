"""Ranking loss: the share of pairs of a label that a row has and one that it lacks in the wrong order."""

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric


@metric(greater_is_better=False, limits=(0, 1), tasks=MULTI_LABEL, label="ranking loss")
def ranking_loss(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean over rows; a tie counts as wrong, a row with all labels or none counts 0."""
    from sklearn.metrics import label_ranking_loss

    return float(label_ranking_loss(target, proba, sample_weight=weights))
