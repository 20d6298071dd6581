"""The rows that a run predicts worst, the labels that are probably wrong, and the parts of the data it is weak on.

All of it is of held-out predictions: no row is judged by a model that was trained on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Images, Samples
from trainer.data.sources.in_memory import Given
from trainer.errors import ConfigError, FoldwiseError, first_line_of
from trainer.evidence.label_issues import label_issues
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.slices import MOST_IMAGES, Slice, compare_slices, slices_of
from trainer.inference.held_out import Floats, HeldOut, read_held_out
from trainer.inference.log_scores import SMALLEST
from trainer.inference.trained import open_trained, samples_of
from trainer.store.own_files import is_blend

ORDERS = {
    "loss": "the least probable labels first; of numbers the largest error",
    "wrong": "wrong predictions, the surest first",
    "issue": "labels that are probably wrong, the least probable first",
    "disagreement": "where the repeats of cross validation disagree most",
}


@dataclass(frozen=True)
class Inspection:
    """What is known about the rows of a run, in the order of the run.

    Attributes:
        run: what it held out and predicted, rows that no fold holds out left out.
        proba_NC: mean over repeats.
        predicted: (N,) class, (N, L) labels, or (N,) numbers.
        loss_N: log loss of a row (of labels their mean), of numbers the absolute error.
        spread_N: standard deviation over repeats of the probability of its label, of labels their mean, of numbers of
            the prediction; None where there is one repeat.
        samples: the rows, or None.
        notes: what a reader must know.
    """

    run: HeldOut
    proba_NC: Floats
    predicted: NDArray[Any]
    loss_N: Floats
    spread_N: Floats | None
    samples: Samples | None
    notes: tuple[str, ...] = ()

    @cached_property
    def issues(self) -> NDArray[np.bool_] | NotDefined:
        """(N,) or (N, L) whose label is suspected, or why that is not known."""
        return label_issues(self.run.task, self.run.target, self.proba_NC)

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """The slices that were compared, by ``q``; none where the rows themselves are not at hand."""
        if self.samples is None:
            return ()
        value_N = _right(self) if self.run.task.has_classes else self.loss_N
        return tuple(compare_slices(value_N, slices_of(self.samples.inputs, self.samples.groups_N)))

    @property
    def wrong_N(self) -> NDArray[np.bool_]:
        """(N,) whether a row is predicted wrong, of labels any of them."""
        return _any(self.predicted != self.run.target)

    @property
    def issue_N(self) -> NDArray[np.bool_] | None:
        """(N,) whether a label of a row is suspected; None where it is not known."""
        return None if isinstance(self.issues, NotDefined) else _any(self.issues)

    @property
    def worse(self) -> tuple[Slice, ...]:
        """The slices that are predicted worse than the rest beyond chance."""
        sign = 1 if self.run.task.has_classes else -1
        return tuple(one for one in self.slices if one.differs and sign * (one.value - one.rest) < 0)


def inspect_run(
    directory: Path,
    *,
    given: Given | None = None,
    places: dict[str, str] | None = None,
    plugins: Sequence[str] = (),
) -> Inspection:
    """Look at every held-out prediction of a run.

    Args:
        directory: of the run, or of a blend.
        given: its rows, where they were in memory when it was trained.
        places: where its files are now, by option: ``{"path": ...}``.
        plugins: packages whose classes may be built to read them.

    Raises:
        CheckpointError: it is no run, not finished, or damaged.
        DataError: the rows at ``places`` are not those of the run.
    """
    whole = read_held_out(directory)
    there_N = ~_any(np.asarray(np.isnan(whole.proba_RNC).any(axis=0)))  # the others no fold holds out
    run = whole if there_N.all() else whole.in_order(np.flatnonzero(there_N))
    task, proba_NC = run.task, run.proba_RNC.mean(axis=0)
    samples, notes = _rows_at_hand(directory, given, places or {}, plugins)
    samples = None if samples is None else samples.only(there_N)
    probable = _probability_of_label(run, proba_NC)
    loss_N = -np.log(np.maximum(probable, SMALLEST)).mean(axis=1) if task.has_classes else probable[:, 0]
    spread_N = None
    if run.plan.repeats > 1:
        parts = [_probability_of_label(run, proba) if task.has_classes else proba for proba in run.proba_RNC]
        spread_N = np.std(parts, axis=0, ddof=1).mean(axis=1)
    if samples is not None and samples.groups_N is not None:
        notes = (*notes, "rows of one group are alike: the intervals of slices, which draw rows, are too narrow")
    if samples is not None and isinstance(samples.inputs, Images) and len(samples) > MOST_IMAGES:
        notes = (*notes, f"more than {MOST_IMAGES} images: they are not cut by size and brightness")
    return Inspection(run, proba_NC, task.predicted(proba_NC), loss_N, spread_N, samples, notes)


def worst(found: Inspection, by: str, most: int = 0) -> NDArray[np.int64]:
    """Return the numbers of the rows of an order of ``ORDERS``, at most so many (0 = all).

    Raises:
        ConfigError: there is no such order, or not for this run.
    """
    if by not in ORDERS:
        raise ConfigError(f"--by {by}: give one of {', '.join(ORDERS)}")
    if by == "disagreement" and found.spread_N is None:
        raise ConfigError("--by disagreement: one repeat predicts each row once: train with cv.repeats=3")
    issue_N = found.issue_N
    if by == "issue" and issue_N is None:
        why = found.issues.why if isinstance(found.issues, NotDefined) else ""
        raise ConfigError(f"--by issue: {why}")
    key_N = found.loss_N
    if by == "wrong" and found.run.task.one_class_each:
        key_N = found.proba_NC.max(axis=1)
    elif by == "disagreement" and found.spread_N is not None:
        key_N = found.spread_N
    kept_N = np.ones(len(key_N), dtype=np.bool_)
    if by == "wrong":
        kept_N = found.wrong_N
    elif by == "issue" and issue_N is not None:
        kept_N = issue_N
    order = np.argsort(-key_N, kind="stable")
    order = order[kept_N[order]]
    return order[:most] if most else order


def _any(values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (N,) whether any value of a row holds."""
    return np.asarray(values.reshape(len(values), -1).any(axis=1), dtype=np.bool_)


def _probability_of_label(run: HeldOut, proba_NC: Floats) -> Floats:
    """Return (N, 1) what the label of a row was given, (N, L) of each label; of numbers the error (N, 1)."""
    if not run.task.has_classes:
        return np.abs(proba_NC - run.target[:, None])
    if run.task.several_labels:
        return np.where(run.target > 0, proba_NC, 1 - proba_NC)
    return np.take_along_axis(proba_NC, run.target[:, None], axis=1)


def _right(found: Inspection) -> Floats:
    """Return (N,) 1 where a row is predicted right, of labels the share that is."""
    right = (found.predicted == found.run.target).reshape(len(found.loss_N), -1)
    return np.asarray(right.mean(axis=1), dtype=np.float64)


def _rows_at_hand(
    directory: Path, given: Given | None, places: dict[str, str], plugins: Sequence[str]
) -> tuple[Samples | None, tuple[str, ...]]:
    """Return the rows of a run, or None and why they are not there."""
    if is_blend(directory):
        return None, ("a blend has no data of its own: inspect one of its runs to see what the rows hold",)
    try:
        return samples_of(open_trained(directory, device="cpu", plugins=plugins), given, places), ()
    except FoldwiseError as error:
        if given is not None or places:
            raise
        return None, (f"what the rows hold is not shown: {first_line_of(error)} (--data PATH says where they are now)",)


def rows_written(found: Inspection, rows: Sequence[int]) -> dict[str, list[Any]]:
    """Return what is known of rows as columns: id, label, prediction, loss, ..."""
    task, classes = found.run.task, found.run.classes
    columns: dict[str, list[Any]] = {
        "id": found.run.ids_N[rows].tolist(),
        "label": [task.label_text(one, classes) for one in found.run.target[rows]],
        "predicted": [task.label_text(one, classes) for one in found.predicted[rows]],
    }
    if task.one_class_each:
        columns["probability_of_label"] = np.exp(-found.loss_N[rows]).tolist()
        columns["probability_of_predicted"] = found.proba_NC[rows].max(axis=1).tolist()
    columns["loss" if task.has_classes else "error"] = found.loss_N[rows].tolist()
    if found.spread_N is not None:
        columns["spread"] = found.spread_N[rows].tolist()
    if not isinstance(found.issues, NotDefined):
        columns["issue"] = [_suspected(found, row) for row in rows]
    return columns


def _suspected(found: Inspection, row: int) -> str:
    """Return which label of a row is suspected, in words; empty where none is."""
    if isinstance(found.issues, NotDefined) or not found.issues[row].any():
        return ""
    if not found.run.task.several_labels:
        return "label"
    return " + ".join(name for name, one in zip(found.run.classes, found.issues[row].tolist(), strict=True) if one)
