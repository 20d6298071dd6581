"""Labels once they are numbers, and what is said of them at start."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.spellings import NUMBER
from trainer.errors import shown
from trainer.tasks import Target, Task


@dataclass(frozen=True)
class Labels:
    """Encoded labels.

    Attributes:
        target: (N,) class index, or (N, L) of 0/1 for multi-label.
        classes: label text per class index.
        task: what the labels say, or what the user set.
        notes: the label map and what is odd about it.
        left_out_N: (N,) whether a row has no label and is left out: its target says nothing.
        positive_because: of two classes, why the second is the positive one.
        votes_NC: share of each class in what people said of a row, or None.
    """

    target: Target
    classes: tuple[str, ...]
    task: Task
    notes: tuple[str, ...]
    left_out_N: NDArray[np.bool_]
    positive_because: str = ""
    votes_NC: NDArray[np.float64] | None = None


def sort_labels(labels: Sequence[str] | set[str]) -> tuple[str, ...]:
    """Sort numerically where every label is a number, as text otherwise."""
    if all(NUMBER.fullmatch(label) for label in labels):
        return tuple(sorted(labels, key=lambda label: (Decimal(label), label)))
    return tuple(sorted(labels))


def map_note(classes: Sequence[str], limit: int = 10) -> str:
    """Say which label became which number."""
    pairs = [f"{shown(label, 40)} -> {index}" for index, label in enumerate(classes[:limit])]
    more = f", ... ({len(classes)} in all)" if len(classes) > limit else ""
    return "labels: " + ", ".join(pairs) + more


def multilabel_notes(target_NL: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    """Say the label map, and how often labels (N, L) hold."""
    per_row_N = target_NL.sum(axis=1)
    share_L = target_NL.mean(axis=0)
    constant = [name for name, share in zip(names, share_L, strict=True) if share in (0.0, 1.0)]
    n_without = int((per_row_N == 0).sum())
    summary = f"multi-label: {per_row_N.mean():.2f} labels per row, {n_without} rows without a label"
    notes = [map_note(names), summary]
    if constant:
        notes.append(f"labels that are the same in every row: {', '.join(constant[:5])}")
    return tuple(notes)
