"""Weighted F1: the mean over classes, each counted by how many rows it has."""

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    f1_CB = ratio(2 * hit_CB, true_CB + said_CB)
    return ratio((f1_CB * true_CB).sum(axis=0), true_CB.sum(axis=0))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=SINGLE_LABEL,
    label="F1 (weighted)",
    make_meter=from_counts(_of_counts),
)
def f1_weighted(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean of the classes' F1, by the weight of their rows."""
    from sklearn.metrics import f1_score

    predicted = predicted_like(target, proba)
    return float(f1_score(target, predicted, average="weighted", zero_division=0.0, sample_weight=weights))
