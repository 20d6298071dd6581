"""Brier score, on the scale of scikit-learn: 0..1 for two classes, 0..2 for more."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows

CHUNK_ROWS = 1 << 16


def _of_row(target: Targets, proba: Floats) -> Floats:
    """Return (N,) the squared distance of each row on the metric's scale, without a table as large as ``proba``."""
    square_N = np.empty(len(target))
    for start in range(0, len(target), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        error_BC = proba[rows].copy()
        error_BC[np.arange(len(error_BC)), target[rows]] -= 1
        square_N[rows] = (error_BC**2).sum(axis=1)
    square_N *= 0.5 if proba.shape[1] == 2 else 1.0
    return square_N


@metric(
    greater_is_better=False,
    limits=(0, 2),
    tasks=SINGLE_LABEL,
    label="Brier score",
    make_meter=mean_of_rows(_of_row),
)
def brier(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean squared distance of the probabilities from the right class."""
    if weights is None:  # the number of scikit-learn to the bit
        said = np.stack([1 - proba[:, 1], proba[:, 1]], axis=1) if proba.shape[1] == 2 else proba
        return float(_of_row(target, said).mean())
    from sklearn.metrics import brier_score_loss

    labels = np.arange(proba.shape[1])
    if len(labels) == 2:
        return float(brier_score_loss(target, proba[:, 1], pos_label=1, labels=labels, sample_weight=weights))
    return float(brier_score_loss(target, proba, labels=labels, sample_weight=weights))
