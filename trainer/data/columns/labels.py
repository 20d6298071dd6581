"""Labels are text, mapped to 0..C-1; the task follows from them and the map is shown."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import is_blank, rows_listed, text_cells
from trainer.errors import ConfigError, DataError, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.tasks import MULTILABEL, TASKS, Target, Task, of_classes

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
REGRESSION_VALUES = 20  # more distinct labels than this, with a fraction among them, are no classes


@dataclass(frozen=True)
class Labels:
    """Encoded labels.

    Attributes:
        target: (N,) class index, or (N, L) of 0/1 for multi-label.
        classes: label text per class index.
        task: what the labels say, or what the user set.
        notes: the label map and what is odd about it.
    """

    target: Target
    classes: tuple[str, ...]
    task: Task
    notes: tuple[str, ...]


def read_labels(
    table: pa.Table,
    names: Sequence[str],
    file: Path | str,
    *,
    label_delimiter: str | None = None,
    task: str | None = None,
) -> Labels:
    """Encode one label column (classes or delimiter-joined) or several columns of 0/1.

    Args:
        table: the rows.
        names: the label columns.
        file: named in messages.
        label_delimiter: between the labels of one cell of one column; makes the task multi-label.
        task: what the user says it is; None = inferred.

    Raises:
        DataError: labels that cannot be classes, or contradict ``task``.
        ConfigError: the options do not fit each other.
    """
    if task is not None and task not in TASKS:
        raise ConfigError(f"data.task={task}: give one of {', '.join(TASKS)}, or null to infer it")
    if len(names) > 1:
        if label_delimiter is not None:
            raise ConfigError("data.label_delimiter goes with one label column, data.label names several")
        labels = encode_label_columns(table, names, file)
    elif label_delimiter is not None:
        labels = encode_joined_labels(text_cells(table, names[0], file), names[0], file, label_delimiter)
    else:
        labels = encode_labels(text_cells(table, names[0], file), names[0], file)
    return _with_task(labels, task, names, file)


def encode_labels(values: Column, column: str, file: Path | str) -> Labels:
    """Map one label per row to 0..C-1: numbers in numeric order, other labels in text order.

    Args:
        values: (N,) text, null = missing. An empty cell is missing; "NA", "null" and "None" are labels.
        column: named in messages.
        file: named in messages.

    Raises:
        DataError: missing labels, one class only, real numbers, or one label written in two ways.
    """
    cells = _as_column(values)
    missing = is_blank(cells)
    if missing.any():
        raise DataError(f"{file}: no label in column '{column}' in {rows_listed(missing)}: fill in or delete them")
    encoded: Column = pc.dictionary_encode(cells).combine_chunks()
    found = encoded.dictionary.to_pylist()
    codes_N = as_numpy(encoded.indices)
    refuse_two_forms(found, codes_N, column, file)
    labels = [label.strip() for label in found]
    _refuse_regression(labels, len(codes_N), column, file)
    if len(labels) == 1:
        raise DataError(
            f"{file}: every row of column '{column}' has the label '{labels[0]}': "
            "a classifier needs at least two classes"
        )
    classes = sort_labels(labels)
    place = {label: index for index, label in enumerate(classes)}
    index_of_code = np.array([place[label] for label in labels], dtype=np.int64)
    return Labels(
        index_of_code[codes_N], classes, of_classes(len(classes)), (_map_note(classes), *_case_notes(classes))
    )


def encode_label_columns(table: pa.Table, names: Sequence[str], file: Path | str) -> Labels:
    """Read several columns of 0/1, one per label.

    Raises:
        DataError: a cell that is not 0 or 1, with its row and column.
    """
    target_NL = np.empty((table.num_rows, len(names)), dtype=np.int64)
    for place, name in enumerate(names):
        cells = pc.utf8_trim_whitespace(text_cells(table, name, file))
        missing = is_blank(cells)
        if missing.any():
            raise DataError(f"{file}: no label in column '{name}' in {rows_listed(missing)}: write 0 or 1")
        one = as_numpy(pc.is_in(cells, pa.array(["1", "1.0", "true", "True"])))
        zero = as_numpy(pc.is_in(cells, pa.array(["0", "0.0", "false", "False"])))
        wrong = ~(one | zero)
        if wrong.any():
            cell = shown(cells[int(wrong.argmax())].as_py())
            raise DataError(
                f"{file}: label column '{name}' has '{cell}' in {rows_listed(wrong)}: "
                "several label columns hold only 0 and 1"
            )
        target_NL[:, place] = one
    return Labels(target_NL, tuple(names), MULTILABEL, _multilabel_notes(target_NL, names))


def encode_joined_labels(values: Column, column: str, file: Path | str, delimiter: str) -> Labels:
    """Read cells such as ``"red|blue"``; an empty cell has no label, which is valid.

    Raises:
        DataError: fewer than two different labels in the whole column.
        ConfigError: the delimiter is empty.
    """
    if not delimiter:
        raise ConfigError("data.label_delimiter is empty: give the text between two labels, such as '|'")
    cells = pc.fill_null(_as_column(values), "")
    parts: Column = pc.split_pattern(cells, delimiter).combine_chunks()
    rows_P = as_numpy(pc.list_parent_indices(parts))
    encoded: Column = pc.dictionary_encode(pc.list_flatten(parts))
    found = encoded.dictionary.to_pylist()
    codes_P = as_numpy(encoded.indices)
    real = np.array([bool(label.strip()) for label in found], dtype=bool)
    rows_P, codes_P = rows_P[real[codes_P]], codes_P[real[codes_P]]
    stripped = [label.strip() for label in found]
    classes = sort_labels({label for label in stripped if label})
    if len(classes) < 2:
        raise DataError(
            f"{file}: column '{column}' split at '{delimiter}' has {len(classes)} different labels"
            f"{f' ({classes[0]})' if classes else ''}: multi-label needs at least two"
        )
    place = {label: index for index, label in enumerate(classes)}
    index_of_code = np.array([place.get(label, -1) for label in stripped], dtype=np.int64)
    target_NL = np.zeros((len(cells), len(classes)), dtype=np.int64)
    target_NL[rows_P, index_of_code[codes_P]] = 1
    notes = list(_multilabel_notes(target_NL, classes))
    if target_NL.sum(axis=1).max() < 2:
        notes.append(f"no cell of '{column}' has more than one label: is '{delimiter}' the right delimiter?")
    return Labels(target_NL, classes, MULTILABEL, (*notes, *_case_notes(classes)))


def _as_column(values: Column) -> Column:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values], pa.string())


def sort_labels(labels: Sequence[str] | set[str]) -> tuple[str, ...]:
    """Sort numerically where every label is a number, as text otherwise."""
    if all(NUMBER.fullmatch(label) for label in labels):
        return tuple(sorted(labels, key=lambda label: (Decimal(label), label)))
    return tuple(sorted(labels))


def refuse_two_forms(
    found: Sequence[str],
    codes_N: NDArray[Any],
    column: str,
    file: Path | str,
    *,
    what: str = "label",
    numbers: re.Pattern[str] = NUMBER,
) -> None:
    """Refuse ``0``, ``0.0`` and ``"0 "``, which would be three classes.

    Args:
        found: the different cells.
        codes_N: (N,) the place in ``found`` of each row's cell.
        column: named in messages.
        file: named in messages.
        what: a cell says, for the message.
        numbers: cells that are compared as numbers.

    Raises:
        DataError: two cells differ only by spaces around them or number form; names the first rows of each.
    """
    canonical = [_canonical(cell, numbers) for cell in found]
    if len(set(canonical)) == len(found):
        return
    forms = defaultdict(list)
    for code, form in enumerate(canonical):
        forms[form].append(code)
    clashes = [codes for codes in forms.values() if len(codes) > 1]
    more = f" (and {len(clashes) - 1} more)" if len(clashes) > 1 else ""
    written = [f"{found[code]!r} in {rows_listed(codes_N == code)}" for code in clashes[0][:3]]
    raise DataError(
        f"{file}: column '{column}' writes one {what} in different ways{more}:\n"
        + "\n".join(written)
        + "\nmake them the same: they differ only by spaces or number form"
    )


def _canonical(cell: str, numbers: re.Pattern[str]) -> str | Decimal:
    stripped = cell.strip()
    return Decimal(stripped) if numbers.fullmatch(stripped) else stripped


def _refuse_regression(labels: list[str], n_rows: int, column: str, file: Path | str) -> None:
    many = len(labels) > REGRESSION_VALUES or len(labels) * 2 > n_rows
    if not many or not all(NUMBER.fullmatch(label) for label in labels):
        return
    fraction = next((label for label in labels if not float(label).is_integer()), None)
    if fraction is not None:
        raise DataError(
            f"{file}: column '{column}' has {len(labels)} different numbers such as {fraction} "
            f"in {n_rows} rows: is this regression?\n"
            "only classes can be learnt here: name another data.label, or cut the values into bins"
        )


def _with_task(labels: Labels, task: str | None, names: Sequence[str], file: Path | str) -> Labels:
    if task is None:
        return labels
    wanted = TASKS[task]
    if labels.task.fits(task):
        return replace(labels, task=wanted)
    said = f"{file}: data.task={task}, but "
    if labels.task.several_labels:
        raise DataError(f"{said}the labels are multi-label ({len(labels.classes)} labels, several may hold)")
    if wanted.several_labels:
        raise DataError(
            f"{said}column '{names[0]}' has one label per row: multi-label needs several label columns "
            "of 0/1, or data.label_delimiter"
        )
    raise DataError(f"{said}column '{names[0]}' has {len(labels.classes)} classes ({shown(', '.join(labels.classes))})")


def _map_note(classes: Sequence[str], limit: int = 10) -> str:
    pairs = [f"{shown(label, 40)} -> {index}" for index, label in enumerate(classes[:limit])]
    more = f", ... ({len(classes)} in all)" if len(classes) > limit else ""
    return "labels: " + ", ".join(pairs) + more


def _case_notes(classes: Sequence[str]) -> tuple[str, ...]:
    folded = defaultdict(list)
    for label in classes:
        folded[label.casefold()].append(label)
    alike = [" / ".join(group) for group in folded.values() if len(group) > 1]
    return (f"labels that differ only by case are kept apart: {', '.join(alike[:3])}",) if alike else ()


def _multilabel_notes(target_NL: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    per_row_N = target_NL.sum(axis=1)
    share_L = target_NL.mean(axis=0)
    constant = [name for name, share in zip(names, share_L, strict=True) if share in (0.0, 1.0)]
    n_without = int((per_row_N == 0).sum())
    summary = f"multi-label: {per_row_N.mean():.2f} labels per row, {n_without} rows without a label"
    notes = [_map_note(names), summary]
    if constant:
        notes.append(f"labels that are the same in every row: {', '.join(constant[:5])}")
    return tuple(notes)
