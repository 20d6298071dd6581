"""Brier score, on the scale of scikit-learn: 0..1 for two classes, 0..2 for more."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows

CHUNK_ROWS = 1 << 16


def _of_row(target: Targets, proba: Floats) -> Floats:
    error_NC = proba.copy()
    error_NC[np.arange(len(target)), target] -= 1
    return np.asarray((error_NC**2).sum(axis=1) * (0.5 if proba.shape[1] == 2 else 1.0))


def _of_all(target: Targets, proba: Floats) -> float:
    """Return the number of scikit-learn to the bit, without a table of ones and zeros as large as the probabilities."""
    error_N, two = np.empty(len(target)), proba.shape[1] == 2
    for start in range(0, len(target), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        error_BC = np.stack([1 - proba[rows, 1], proba[rows, 1]], axis=1) if two else proba[rows].copy()
        error_BC[np.arange(len(error_BC)), target[rows]] -= 1
        error_N[rows] = (error_BC**2).sum(axis=1)
    return float(error_N.mean() * (0.5 if two else 1.0))


@metric(
    greater_is_better=False,
    limits=(0, 2),
    tasks=SINGLE_LABEL,
    label="Brier score",
    make_meter=mean_of_rows(_of_row),
)
def brier(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean squared distance of the probabilities from the right class."""
    if weights is None:
        return _of_all(target, proba)
    from sklearn.metrics import brier_score_loss

    labels = np.arange(proba.shape[1])
    if len(labels) == 2:
        return float(brier_score_loss(target, proba[:, 1], pos_label=1, labels=labels, sample_weight=weights))
    return float(brier_score_loss(target, proba, labels=labels, sample_weight=weights))
