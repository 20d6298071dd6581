"""What depends on the task is answered here, so that nothing else compares tasks.

A task says what a row's label looks like, and from that follows the rest: outputs, counts, what folds are stratified
by, how a prediction is read and a label is shown. In every file a task is its plain ``name``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Target = NDArray[Any]  # (N,) class index int64, (N, L) of 0/1 int64, or (N,) value float64
LARGEST = float(np.finfo(np.float64).max)
NO_LABEL = "no label"


@dataclass(frozen=True)
class Task:
    """What there is to predict.

    Attributes:
        name: in the configuration and in every file.
        default_metrics: reported when none are named; the first leads the tables and picks the epoch.
        stratified: the strategy of ``trainer.folds`` that holds out labels in proportion.
        grouped: the one that keeps groups together too.
        several_labels: a row has any number of labels, the target is (N, L).
        yes_or_no: an output may be a yes or no by itself, through a sigmoid.
        one_output: a single output is enough to decide.
        first_loss: the option of a first command, where the default loss does not fit.
        has_classes: whether there are classes at all; else a row's label is a number, and so is its prediction.
        also: names of the tasks that the same labels may be read as.
    """

    name: str
    default_metrics: tuple[str, ...]
    stratified: str = "stratified"
    grouped: str = "stratified_group"
    several_labels: bool = False
    yes_or_no: bool = False
    one_output: bool = False
    first_loss: str | None = None
    has_classes: bool = True
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        """Compare with another task; a comparison with a text would silently be false, so it is refused."""
        if isinstance(other, str):
            raise TypeError(f"the task {self.name} is compared with the text '{other}': ask it, or take its name")
        return isinstance(other, Task) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def fits(self, wanted: str | None) -> bool:
        """Return whether labels of this task may be read as those of the task called ``wanted`` (None = any)."""
        return wanted in (None, self.name, *self.also)

    @property
    def one_class_each(self) -> bool:
        """Whether every row is of exactly one class."""
        return self.has_classes and not self.several_labels

    @property
    def noun(self) -> str:
        """What one of ``DataSpec.classes`` is called."""
        return "label" if self.several_labels else "class" if self.has_classes else "value"

    @property
    def nouns(self) -> str:
        """Several of them."""
        return f"{self.noun}es" if self.noun.endswith("s") else f"{self.noun}s"

    @property
    def noun_of_target(self) -> str:
        """What a number in the target is called."""
        return "label" if self.has_classes else "value"

    def described(self, n_classes: int) -> str:
        """Return the task and how many classes there are, in words."""
        return f"{self.name}, {n_classes} classes" if self.has_classes else self.name

    def n_outputs(self, n_classes: int) -> int:
        """Return the fewest outputs that decide between so many classes (multi-label: labels)."""
        return 1 if self.one_output else n_classes

    def n_predicted(self, n_classes: int) -> int:
        """Return how many columns a prediction has: one probability per class or label, or one number."""
        return n_classes if self.has_classes else 1

    def n_values(self, n_classes: int) -> int:
        """Return how many different numbers a target may hold, from 0."""
        return 2 if self.several_labels else n_classes

    def value_range(self, n_values: int) -> tuple[float, float]:
        """Return the smallest and the largest number a target may hold."""
        return (0, n_values - 1) if self.has_classes else (-LARGEST, LARGEST)

    def values_allowed(self, n_values: int) -> str:
        """Return which numbers a target may hold, in words."""
        if not self.has_classes:
            return "a value is a finite number"
        said = "a multi-label target is" if self.several_labels else f"{n_values} classes are numbered"
        return f"{said} 0 to {n_values - 1}"

    def by_sigmoid(self, n_outputs: int) -> bool:
        """Return whether each of a loss's outputs is a yes or no by itself, rather than all together one choice."""
        return self.several_labels or (self.has_classes and n_outputs == 1)

    def class_counts(self, target: Target, n_classes: int) -> NDArray[np.int64]:
        """Return (C,) rows of each class, multi-label (L,) rows with each label; none where there are no classes."""
        if not self.has_classes:
            return np.zeros(0, dtype=np.int64)
        counts_C: NDArray[np.int64] = (
            target.sum(axis=0) if self.several_labels else np.bincount(target, minlength=n_classes)
        )
        return counts_C

    def count_classes(self, target: Target) -> int:
        """Return C, as far as the target tells: one more than its largest class, multi-label its columns."""
        return target.shape[1] if self.several_labels else int(target.max()) + 1

    def codes(self, target: Target) -> NDArray[np.int64]:
        """Return (N,) numbers from 0 that rows with the same label share, multi-label those with the same set."""
        if self.several_labels:
            return np.unique(target, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return target if self.has_classes else np.unique(target, return_inverse=True)[1].astype(np.int64)

    def strata(self, target: Target, n_bins: int, fewest: int) -> NDArray[np.int64]:
        """Return what folds keep in proportion: the labels, or of numbers the quantile bin of each.

        Args:
            target: of the rows.
            n_bins: of numbers; fewer where the rows are few.
            fewest: rows that a bin must have.
        """
        return target if self.has_classes else quantile_bins(target, n_bins, fewest)

    def strata_names(self, target: Target, strata: NDArray[np.int64], classes: Sequence[str]) -> tuple[str, ...]:
        """Return what people call each of the ``strata``: the class, or the numbers a bin goes from and to."""
        if self.has_classes:
            return tuple(classes)
        bins = (target[strata == place] for place in range(int(strata.max()) + 1))
        return tuple(f"{values.min():g} to {values.max():g}" for values in bins)

    def indicators(self, target: Target, n_classes: int | None = None) -> NDArray[np.int64]:
        """Return (N, C) of 0/1: whether the row is of the class, or has the label.

        Args:
            target: of the rows.
            n_classes: C; None = as many as the target names.
        """
        if self.several_labels:
            return target
        n = self.count_classes(target) if n_classes is None else n_classes
        return np.asarray(target[:, None] == np.arange(n), dtype=np.int64)

    def right(self, target: Target, n_classes: int) -> NDArray[np.float64]:
        """Return the predictions that are right: (N, C) of 0 and 1, or the numbers themselves (N, 1)."""
        return self.indicators(target, n_classes).astype(np.float64) if self.has_classes else target[:, None]

    def predicted(self, proba: NDArray[np.floating[Any]]) -> Target:
        """Return (N,) class indices by argmax (the lower class on a tie), (N, L) 0/1 labels above 0.5, or numbers."""
        if not self.has_classes:
            return np.asarray(proba[:, 0])
        if self.several_labels:
            return np.asarray(proba > 0.5, dtype=np.int64)
        return np.asarray(proba.argmax(axis=1), dtype=np.int64)

    def as_float64(self, proba: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the predictions in float64, the probabilities of one choice rescaled to sum to 1."""
        proba64 = np.array(proba, dtype=np.float64)
        if self.one_class_each:
            proba64 /= proba64.sum(axis=1, keepdims=True)
        return proba64

    def one_against_rest(
        self, target: Target, proba: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return what ranking metrics rank: 0/1 columns and their scores, both (N, K).

        Two classes give one column (the positive class), more give one per class (one against the rest), labels are
        columns already.
        """
        if self.several_labels:
            return target, proba
        if proba.shape[1] == 2:
            return target[:, None], proba[:, 1:]
        return self.indicators(target, proba.shape[1]), proba

    def positive_class(self, classes: Sequence[str]) -> str | None:
        """Return the class that precision, recall and ranking metrics speak of: the second of two; else None."""
        return classes[1] if len(classes) == 2 and not self.several_labels else None

    def label_text(self, label: Any, classes: Sequence[str]) -> str:
        """Return the label of one row as people read it: its class, its labels joined by ``+``, or its number."""
        if not self.has_classes:
            return f"{label:g}"
        if self.several_labels:
            return " + ".join(classes[place] for place in np.flatnonzero(label).tolist()) or NO_LABEL
        return classes[int(label)]

    def columns(self, target: Target) -> list[Target]:
        """Return the target as columns of a table, (N,) each."""
        return list(target.T) if self.several_labels else [target]

    def from_columns(self, columns: Sequence[Target]) -> Target:
        """Return the target that ``columns`` took apart."""
        return np.stack(columns, axis=1) if self.several_labels else columns[0]


# micro F1 of a single-label task is its accuracy, so the default list leaves it out
_OF_CLASSES = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "mcc",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
)
_OF_LABELS = ("hamming_loss", "subset_accuracy", "f1_micro", "f1_macro", "lrap", "roc_auc", "average_precision")

BINARY = Task("binary", _OF_CLASSES, yes_or_no=True, one_output=True, also=("multiclass",))
MULTICLASS = Task("multiclass", _OF_CLASSES)
MULTILABEL = Task(
    "multilabel",
    _OF_LABELS,
    stratified="multilabel",
    grouped="multilabel",
    several_labels=True,
    yes_or_no=True,
    first_loss="loss=bce",
)
REGRESSION = Task(
    "regression", ("rmse", "mae", "r2", "spearman"), one_output=True, first_loss="loss=mse", has_classes=False
)
TASKS = {task.name: task for task in (BINARY, MULTICLASS, MULTILABEL, REGRESSION)}


def of_classes(n_classes: int) -> Task:
    """Return the task of choosing one of so many classes."""
    return BINARY if n_classes == 2 else MULTICLASS


def of_target(target: Target) -> Task:
    """Return the task that a target of this form has, where only the rows are known."""
    if target.dtype.kind == "f":
        return REGRESSION
    return MULTILABEL if target.ndim == 2 else MULTICLASS


def quantile_bins(values_N: NDArray[np.float64], n_bins: int, fewest: int) -> NDArray[np.int64]:
    """Return (N,) the bin of each number, from 0: about as many rows in each, and at least ``fewest``.

    Equal numbers are in one bin; a bin that they leave too few rows for is joined with its neighbour.
    """
    n_bins = max(1, min(n_bins, len(values_N) // max(fewest, 1)))
    _, place_N, counts_U = np.unique(values_N, return_inverse=True, return_counts=True)
    middle_U = counts_U.cumsum() - (counts_U + 1) / 2  # mean rank of each different number, from 0
    bin_U = (middle_U * n_bins / len(values_N)).astype(np.int64)
    rows = np.bincount(bin_U, weights=counts_U).astype(np.int64)
    joined = np.zeros(len(rows), dtype=np.int64)
    number = gathered = 0
    for place, count in enumerate(rows.tolist()):
        joined[place] = number
        gathered += count
        if gathered >= fewest and rows[place + 1 :].sum() >= fewest:
            number, gathered = number + 1, 0
    return joined[bin_U][place_N]
