"""The rows that are predicted worst, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.summary import row_numbers
from trainer.results import CVResult, OutOfFold
from trainer.tasks import NO_LABEL
from trainer.wording.lists import first_few

MOST_ROWS = 200
MOST_LABELS = 6  # of a row, written out
SMALLEST = 1e-38  # a probability of 0 counts as this


@dataclass(frozen=True)
class WorstRow:
    """A row and how it was predicted, the mean over repeats.

    Attributes:
        id: of the row.
        folds: that held it out.
        label: what it is.
        predicted: what it was taken for.
        of_label: probability of its label (of labels the mean); of numbers NaN.
        of_predicted: of what it was taken for; NaN of labels and numbers.
        loss: log loss, of numbers the absolute error.
        wrong: whether the prediction is wrong; numbers always are.
    """

    id: str
    folds: str
    label: str
    predicted: str
    of_label: float
    of_predicted: float
    loss: float
    wrong: bool


@dataclass(frozen=True)
class RowsTogether:
    """Held-out rows in the order of the data, each once: the mean of its repeats.

    Attributes:
        ids_U: of the rows.
        target_U: what they are.
        proba_UC: what they were given.
        predicted_U: what they are taken for.
        probable_UK: probability of the label of a row (U, 1), of each label (U, L); of numbers the error (U, 1).
        loss_U: log loss, of numbers the absolute error.
        row_M: number of the row of each out-of-fold prediction.
    """

    ids_U: NDArray[np.str_]
    target_U: NDArray[Any]
    proba_UC: NDArray[Any]
    predicted_U: NDArray[Any]
    probable_UK: NDArray[np.float64]
    loss_U: NDArray[np.float64]
    row_M: NDArray[np.int64]


def rows_together(result: CVResult, oof: OutOfFold) -> RowsTogether:
    """Return each held-out row once."""
    task, row_M = result.task, row_numbers(oof)
    proba_UC = oof.proba  # as they are where each row is there once: of many classes they take much memory
    if result.repeats > 1:
        sums = [np.bincount(row_M, weights=column) for column in oof.proba.T.astype(np.float64)]
        proba_UC = np.stack(sums, axis=1) / np.bincount(row_M)[:, None]
    first_U: NDArray[np.int64] | slice = slice(None)
    if result.repeats > 1:
        first_U = np.full(len(proba_UC), -1)
        first_U[row_M[::-1]] = np.arange(len(row_M))[::-1]
    target_U = oof.target[first_U]
    probable_UK = _of_label(result, target_U, proba_UC)
    loss_U = -np.log(probable_UK.clip(SMALLEST)).mean(axis=1) if task.has_classes else probable_UK[:, 0]
    return RowsTogether(oof.ids[first_U], target_U, proba_UC, task.predicted(proba_UC), probable_UK, loss_U, row_M)


def worst_rows(result: CVResult, oof: OutOfFold, most: int = MOST_ROWS) -> list[WorstRow]:
    """Return the rows whose label was least probable, or whose number is furthest off, the worst first."""
    task, whole = result.task, rows_together(result, oof)
    rows = []
    for row in _largest(whole.loss_U, most).tolist():
        held_out = np.flatnonzero(whole.row_M == row) if result.repeats > 1 else [row]
        rows.append(
            WorstRow(
                str(whole.ids_U[row]),
                ", ".join(_fold(result, oof, int(place)) for place in held_out),
                *_texts(result, whole.target_U[row], whole.predicted_U[row]),
                float(whole.probable_UK[row].mean()) if task.has_classes else np.nan,
                float(whole.proba_UC[row].max()) if task.one_class_each else np.nan,
                float(whole.loss_U[row]),
                bool(np.any(whole.predicted_U[row] != whole.target_U[row])),
            )
        )
    return rows


def _largest(values_N: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return where the largest values are, the largest first and equal ones in order, without sorting all of them."""
    rank_N = -values_N
    last = np.partition(rank_N, most - 1)[most - 1] if len(rank_N) > most else np.nan  # no number is behind all others
    rows = np.arange(len(rank_N)) if np.isnan(last) else np.flatnonzero(rank_N <= last)
    return rows[np.argsort(rank_N[rows], kind="stable")[:most]]


def _texts(result: CVResult, target: Any, predicted: Any) -> tuple[str, str]:
    """Return what a row is and what it was taken for; of many labels some, those the two differ in first."""
    task, classes = result.task, result.classes
    if not task.several_labels or max(np.count_nonzero(target), np.count_nonzero(predicted)) <= MOST_LABELS:
        return task.label_text(target, classes), task.label_text(predicted, classes)
    order = np.argsort(target == predicted, kind="stable")
    return _some_labels(target, order, classes), _some_labels(predicted, order, classes)


def _some_labels(label: Any, order: NDArray[np.int64], classes: Sequence[str]) -> str:
    names = [classes[place] for place in order.tolist() if label[place]]
    return first_few(names, MOST_LABELS, between=" + ", rest=" … (+{n})") or NO_LABEL


def _fold(result: CVResult, oof: OutOfFold, place: int) -> str:
    fold = int(oof.fold[place])
    return str(fold) if result.repeats == 1 else f"r{int(oof.repeat[place])} f{fold}"


def _of_label(result: CVResult, target_U: NDArray[Any], proba_UC: NDArray[Any]) -> NDArray[np.float64]:
    """Return (U, 1) what the label of a row was given, (U, L) of each label; of numbers the error (U, 1)."""
    if not result.task.has_classes:
        error_U1: NDArray[np.float64] = np.abs(proba_UC - target_U[:, None])
        return error_U1
    if result.task.several_labels:
        proba64_UL = proba_UC.astype(np.float64)
        return np.where(target_U > 0, proba64_UL, 1 - proba64_UL)
    probable_U1: NDArray[Any] = np.take_along_axis(proba_UC, target_U[:, None], axis=1)
    return probable_U1.astype(np.float64)
