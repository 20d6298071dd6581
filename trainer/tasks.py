"""What depends on the task is answered here, so that nothing else compares tasks.

A task says what a row's label looks like, and from that follows the rest: outputs, counts, what folds are stratified
by, how a prediction is read and a label is shown. In every file a task is its plain ``name``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Target = NDArray[Any]  # (N,) class index, or (N, L) of 0/1


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
    def noun(self) -> str:
        """What one of ``DataSpec.classes`` is called."""
        return "label" if self.several_labels else "class"

    def described(self, n_classes: int) -> str:
        """Return the task and how many classes there are, in words."""
        return f"{self.name}, {n_classes} classes"

    def n_outputs(self, n_classes: int) -> int:
        """Return the fewest outputs that decide between so many classes (multi-label: labels)."""
        return 1 if self.one_output else n_classes

    def n_values(self, n_classes: int) -> int:
        """Return how many different numbers a target may hold, from 0."""
        return 2 if self.several_labels else n_classes

    def values_allowed(self, n_values: int) -> str:
        """Return which numbers a target may hold, in words."""
        said = "a multi-label target is" if self.several_labels else f"{n_values} classes are numbered"
        return f"{said} 0 to {n_values - 1}"

    def by_sigmoid(self, n_outputs: int) -> bool:
        """Return whether each of a loss's outputs is a yes or no by itself, rather than all together one choice."""
        return self.several_labels or n_outputs == 1

    def class_counts(self, target: Target, n_classes: int) -> NDArray[np.int64]:
        """Return (C,) rows of each class, multi-label (L,) rows with each label."""
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
        return target

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

    def predicted(self, proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return (N,) class indices by argmax (the lower class on a tie), or (N, L) 0/1 labels above 0.5."""
        if self.several_labels:
            return np.asarray(proba > 0.5, dtype=np.int64)
        return np.asarray(proba.argmax(axis=1), dtype=np.int64)

    def as_float64(self, proba: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the probabilities in float64, rows of one choice rescaled to sum to 1."""
        proba64 = np.array(proba, dtype=np.float64)
        if not self.several_labels:
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

    def label_text(self, label: Any, classes: Sequence[str]) -> str:
        """Return the label of one row as people read it: its class, or its labels joined by ``+``."""
        if self.several_labels:
            return " + ".join(classes[place] for place in np.flatnonzero(label).tolist()) or "no label"
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
TASKS = {task.name: task for task in (BINARY, MULTICLASS, MULTILABEL)}


def of_classes(n_classes: int) -> Task:
    """Return the task of choosing one of so many classes."""
    return BINARY if n_classes == 2 else MULTICLASS


def of_target(target: Target) -> Task:
    """Return the task that a target of this form has, where only the rows are known: (N, L) labels or (N,) classes."""
    return MULTILABEL if target.ndim == 2 else MULTICLASS
