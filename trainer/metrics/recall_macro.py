"""Macro recall: the share of the rows of a class or label that are predicted so, the mean over classes or labels."""

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, mean_over_there, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, multi_label: bool) -> Floats:
    return mean_over_there(ratio(hit_CB, true_CB), true_CB, said_CB, multi_label)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="recall (macro)",
    make_meter=from_counts(_of_counts),
)
def recall_macro(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean recall. A class neither true nor predicted is left out; such a label counts 0."""
    from sklearn.metrics import recall_score

    predicted = predicted_like(target, proba)
    return float(recall_score(target, predicted, average="macro", zero_division=0.0, sample_weight=weights))
