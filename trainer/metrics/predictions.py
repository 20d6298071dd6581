"""What metrics are computed of: probabilities as scikit-learn wants them, predicted classes, columns to rank."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def predicted_classes(task: str, proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return (N,) class indices by argmax (the lower class on a tie), or (N, L) 0/1 labels above 0.5."""
    if task == "multilabel":
        return np.asarray(proba > 0.5, dtype=np.int64)
    return np.asarray(proba.argmax(axis=1), dtype=np.int64)


def predicted_like(target: NDArray[np.int64], proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return what is predicted in the shape of the target: class indices (N,), or labels (N, L)."""
    return predicted_classes("multilabel" if target.ndim == 2 else "multiclass", proba)


def as_probabilities(task: str, proba: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the probabilities in float64, rows of a single-label task rescaled to sum to 1."""
    proba64 = np.array(proba, dtype=np.float64)
    if task != "multilabel":
        proba64 /= proba64.sum(axis=1, keepdims=True)
    return proba64


def one_hot(target: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Return (N, C) indicators of (N,) class indices."""
    return np.asarray(target[:, None] == np.arange(n_classes), dtype=np.int64)


def ranked_columns(
    target: NDArray[np.int64], proba: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what ranking metrics rank: 0/1 columns and their scores, both (N, K).

    Two classes give one column (the positive class), more give one per class (one against the rest), labels
    are columns already.
    """
    if target.ndim == 2:
        return target, proba
    if proba.shape[1] == 2:
        return target[:, None], proba[:, 1:]
    return one_hot(target, proba.shape[1]), proba


def read_only(target: NDArray[np.int64], proba: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return views that cannot be written to: what one metric does to its rows must not reach the next."""
    target, proba = target.view(), proba.view()
    target.flags.writeable = proba.flags.writeable = False
    return target, proba
