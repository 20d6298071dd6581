"""The same input, or nearly the same, on both sides of a split."""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.findings import Finding, Severity, count, examples
from trainer.audit.near_texts import SHORTEST
from trainer.audit.split import Crossing, Split, crossing, folds_said
from trainer.data.samples import Images, Inputs, TableColumns, Texts
from trainer.errors import shown
from trainer.tasks import Task

GROUPED = "cv.group=auto_duplicates"
NEW_FOLDS = "(makes new folds; to keep yours, take the copies out of train)"
FEW_VALUES = 20


def fix(task: Task, split: Split | None) -> str:
    """Return the options that keep copies on one side."""
    options = f"cv={task.grouped} {GROUPED}"
    return f"{options} {NEW_FOLDS}" if split is not None and split.given else options


def check_exact(inputs: Inputs, exact_N: NDArray[np.int64], task: Task, split: Split | None) -> list[Finding]:
    """Report held-out rows whose input is trained on; without a split, rows that repeat an earlier one.

    Args:
        inputs: the rows.
        exact_N: their ``copy_codes`` without near copies.
        task: for the option named.
        split: the folds, or None.
    """
    helps = fix(task, split)
    if split is None:
        return _whole_file("exact_copies", "the same as", inputs, exact_N, repeats(exact_N), helps)
    return _on_both_sides("exact_copies", "copies of", inputs, split, crossing(split.sides(), exact_N), helps)


def check_near(
    inputs: Inputs, exact_N: NDArray[np.int64], near_N: NDArray[np.int64], task: Task, split: Split | None
) -> list[Finding]:
    """Report held-out rows that nearly repeat a training row, without those that repeat one exactly.

    Args:
        inputs: the rows.
        exact_N: their ``copy_codes`` without near copies.
        near_N: their ``copy_codes`` with near copies.
        task: for the option named.
        split: the folds, or None.
    """
    helps = fix(task, split)
    if split is None:
        repeated_N = repeats(near_N) & ~repeats(exact_N)
        return _whole_file("near_copies", "nearly the same as", inputs, near_N, repeated_N, helps)
    no_copy_N = np.ones(len(exact_N), dtype=bool)
    no_copy_N[crossing(split.sides(), exact_N).rows] = False
    found = crossing(split.sides(), near_N, no_copy_N)
    return _on_both_sides("near_copies", "nearly the same as", inputs, split, found, helps)


def repeats(codes_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) whether an earlier row has the same code."""
    repeated_N = np.ones(len(codes_N), dtype=bool)
    repeated_N[np.unique(codes_N, return_index=True)[1]] = False
    return repeated_N


def named(inputs: Inputs, row: int) -> str:
    """Return the row's number from 1, of an image with its file."""
    return f"{row + 1} ({shown(inputs.names[row], 80)})" if isinstance(inputs, Images) else str(row + 1)


def _whole_file(
    kind: str, what: str, inputs: Inputs, codes_N: NDArray[np.int64], repeated_N: NDArray[np.bool_], helps: str
) -> list[Finding]:
    rows = np.flatnonzero(repeated_N)
    if not len(rows):
        return []
    said = f"{count(len(rows), 'row is', 'rows are')} {what} an earlier row: random folds train on what they hold out."
    if isinstance(inputs, Images):
        earlier = int((codes_N == codes_N[rows[0]]).argmax())
        said += f" Row {named(inputs, int(rows[0]))} is {what} row {named(inputs, earlier)}."
    return [Finding(kind, "warning", said + _doubt(inputs, rows), examples(rows), len(rows), (), helps)]


def _on_both_sides(kind: str, what: str, inputs: Inputs, split: Split, found: Crossing, helps: str) -> list[Finding]:
    rows = found.rows
    if found.pair is None:
        return []
    held_out, trained_on = found.pair
    doubt = _doubt(inputs, rows)
    are = f"is {what.replace('copies', 'a copy')}" if len(rows) == 1 else f"are {what}"
    said = (
        f"{len(rows):,} of {count(split.n_held_out, 'held-out row')} {are} training rows ({folds_said(found.folds)}). "
        f"Row {named(inputs, held_out)} is held out while row {named(inputs, trained_on)} is trained on.{doubt}"
    )
    severity: Severity = "warning" if doubt else "leak"
    return [Finding(kind, severity, said, examples(rows), len(rows), tuple(found.folds), helps)]


def _doubt(inputs: Inputs, rows: NDArray[np.int64]) -> str:
    """Say why these rows may be the same by chance, or nothing: short texts, or tables with few different values."""
    if not isinstance(inputs, Texts | TableColumns):
        return ""
    if isinstance(inputs, Texts):
        pairs = inputs.pairs or [""] * len(inputs.texts)
        median = int(np.median([len(inputs.texts[row]) + len(pairs[row]) for row in rows]))
        few = f" Half of them have at most {median} characters" if median < SHORTEST else ""
    else:
        columns = [*inputs.numeric_NF.T, *inputs.categorical_NK.T]
        most = max(len(set(column.tolist())) for column in columns)
        few = f" No column has more than {most} different values" if most <= FEW_VALUES else ""
    return f"{few}, so they may be the same by chance." if few else ""
