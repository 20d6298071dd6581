"""What metrics are computed of: probabilities as scikit-learn wants them, predicted classes, columns to rank."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import Target, Task, of_target


def predicted_like(target: Target, proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return what is predicted in the shape of the target: class indices (N,), or labels (N, L)."""
    return of_target(target).predicted(proba)


def ranked_columns(target: Target, proba: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what ranking metrics rank, see ``Task.one_against_rest``."""
    return of_target(target).one_against_rest(target, proba)


def one_against_rest(
    task: Task, target: Target, proba: NDArray[Any]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[Any]]]:
    """Yield what ranking metrics rank, a column at a time: which rows are of a class or have a label, and its scores.

    Of two classes the second one alone.
    """
    columns = [1] if task.one_class_each and proba.shape[1] == 2 else range(proba.shape[1])
    return (one_class(target, proba, k) for k in columns)


def one_class(target: Target, proba: NDArray[Any], k: int) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which rows are of a class, or have a label, and what each was given."""
    truth = target == k if of_target(target).one_class_each else target[:, k] > 0
    return np.asarray(truth, dtype=np.bool_), proba[:, k]


def stated(target: Target, proba: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the probabilities that reliability is about (M,), and whether what each says is so.

    Of two classes that of the second one, of more that of the predicted one, of labels those of all cells, by row.
    """
    if of_target(target).several_labels:
        return proba.reshape(-1), np.asarray(target.reshape(-1) > 0)
    if proba.shape[1] == 2:
        return proba[:, 1], np.asarray(target == 1)
    return proba.max(axis=1), np.asarray(proba.argmax(axis=1) == target)


def equal_bins(
    values_M: NDArray[np.float64], weights_M: NDArray[np.float64] | None = None, n_bins: int = 15
) -> NDArray[np.int64]:
    """Return (M,) the bin of each value: about equally many rows (or weights) in each, and equal values in the same."""
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    edges = np.unique(np.quantile(values_M, inner, weights=weights_M, method="inverted_cdf"))
    return np.asarray(np.searchsorted(edges, values_M, side="left"), dtype=np.int64)


def read_only(target: Target, proba: NDArray[np.float64]) -> tuple[Target, NDArray[np.float64]]:
    """Return views that cannot be written to: what one metric does to its rows must not reach the next."""
    target, proba = target.view(), proba.view()
    target.flags.writeable = proba.flags.writeable = False
    return target, proba
