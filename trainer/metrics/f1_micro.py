"""Micro F1: of all hits together; the accuracy where a row has one class."""

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    return ratio(2 * hit_CB.sum(axis=0), (true_CB + said_CB).sum(axis=0))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="F1 (micro)",
    make_meter=from_counts(_of_counts),
)
def f1_micro(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the F1 of all classes or labels taken together."""
    from sklearn.metrics import f1_score

    predicted = predicted_like(target, proba)
    return float(f1_score(target, predicted, average="micro", zero_division=0.0, sample_weight=weights))
