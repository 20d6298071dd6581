"""Macro Jaccard index (intersection over union), the mean over classes or labels."""

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, mean_over_there, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, multi_label: bool) -> Floats:
    return mean_over_there(ratio(hit_CB, true_CB + said_CB - hit_CB), true_CB, said_CB, multi_label)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=(*SINGLE_LABEL, *MULTI_LABEL),
    label="Jaccard (macro)",
    make_meter=from_counts(_of_counts),
)
def jaccard_macro(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean index. A class neither true nor predicted is left out; such a label counts 0."""
    from sklearn.metrics import jaccard_score

    predicted = predicted_like(target, proba)
    return float(jaccard_score(target, predicted, average="macro", zero_division=0.0, sample_weight=weights))
