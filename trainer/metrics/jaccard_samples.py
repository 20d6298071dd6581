"""Jaccard index of a row's labels with those predicted, the mean over rows."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import mean_of_rows


def _of_row(target_NL: Targets, proba_NL: Floats) -> Floats:
    true_NL, said_NL = target_NL > 0, predicted_like(target_NL, proba_NL) > 0
    either_N = (true_NL | said_NL).sum(axis=1)
    return np.where(either_N == 0, 1.0, (true_NL & said_NL).sum(axis=1) / np.maximum(either_N, 1))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=MULTI_LABEL,
    label="Jaccard (rows)",
    make_meter=mean_of_rows(_of_row),
)
def jaccard_samples(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean index; a row without labels, for which none is predicted, counts 1."""
    from sklearn.metrics import jaccard_score

    predicted = predicted_like(target, proba)
    return float(jaccard_score(target, predicted, average="samples", zero_division=1.0, sample_weight=weights))
