"""How each class fares by the decision of the run, and which class is taken for which."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.results import CVResult, OutOfFold
from trainer.tasks import Target, Task

MOST_CLASSES = 200  # listed
MOST_IN_MATRIX = 20
MOST_CONFUSIONS = 40


@dataclass(frozen=True)
class ClassScores:
    """How classes fare, each (C,); NaN where nothing is to be divided by.

    Attributes:
        support: rows of the class.
        precision: share of those taken for it that are.
        recall: share of its rows that are found: sensitivity.
        specificity: share of the other rows that are left out.
        f1: harmonic mean of precision and recall.
    """

    support: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    specificity: NDArray[np.float64]
    f1: NDArray[np.float64]

    def weakest(self) -> list[int]:
        """Return the classes, that of the lowest F1 first; of equals the more frequent."""
        order: list[int] = np.lexsort((-self.support, np.nan_to_num(self.f1))).tolist()
        return order


def class_scores(result: CVResult, oof: OutOfFold) -> ClassScores:
    """Return how each class or label fares by the decision of the run, each row counted once per repeat."""
    return scores_of_classes(result.task, len(result.classes), oof.target, oof.proba)


def scores_of_classes(task: Task, n_classes: int, target: Target, proba: NDArray[Any]) -> ClassScores:
    """Return how each class or label fares on rows with these predictions."""
    predicted = task.predicted(proba)
    hits_C, taken_C, support_C = (
        task.class_counts(one, n_classes) for one in (_both(target, predicted, task.several_labels), predicted, target)
    )
    n_rows = len(target)
    others_C, false_C = n_rows - support_C, taken_C - hits_C
    return ClassScores(
        support_C,
        _share(hits_C, taken_C),
        _share(hits_C, support_C),
        _share(others_C - false_C, others_C),
        _share(2 * hits_C, taken_C + support_C),
    )


def _both(target: NDArray[Any], predicted: NDArray[Any], several: bool) -> NDArray[Any]:
    """Return the labels that are predicted and true: of one class each, those of the rows that are right."""
    both: NDArray[Any] = target * predicted if several else target[target == predicted]
    return both


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return shares


def confusion(result: CVResult, oof: OutOfFold) -> NDArray[np.int64]:
    """Return the counts (C, C), true by predicted, of classes that exclude each other."""
    n_classes = len(result.classes)
    pairs = oof.target * n_classes + result.task.predicted(oof.proba)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def confusions(counts_CC: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return (true, predicted, rows) of the most frequent mistakes."""
    wrong_CC = counts_CC - np.diag(np.diag(counts_CC))
    order = np.argsort(-wrong_CC, axis=None, kind="stable")[:MOST_CONFUSIONS]
    true, predicted = np.unravel_index(order, wrong_CC.shape)
    found = zip(true.tolist(), predicted.tolist(), wrong_CC[true, predicted].tolist(), strict=True)
    return [one for one in found if one[2]]
