"""Labels are text, mapped to 0..C-1; the task follows from them and the map is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.class_order import in_order, refuse_order
from trainer.data.columns.encoded_labels import Labels, map_note, multilabel_notes, sort_labels
from trainer.data.columns.joined import joined_note, split_labels
from trainer.data.columns.list_labels import LabelLists, is_list, read_lists
from trainer.data.columns.numbers import describe_numbers, read_numbers, refuse_values
from trainer.data.columns.options import ClassName
from trainer.data.columns.positive import count_rows, positive_last, refuse_positive
from trainer.data.columns.roles import is_blank, rows_listed, text_cells
from trainer.data.columns.spellings import one_spelling
from trainer.data.columns.unlabelled import doubtful_labels, left_out, left_out_note
from trainer.errors import ConfigError, DataError, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.tasks import MULTILABEL, TASKS, Task, of_classes


def read_labels(
    table: pa.Table,
    names: Sequence[str],
    file: Path | str,
    *,
    label_delimiter: str | None = None,
    task: str | None = None,
    spellings: str = "refuse",
    missing: Sequence[object] = (),
    positive: ClassName = None,
    class_order: Sequence[object] = (),
) -> Labels:
    """Encode one label column (classes or delimiter-joined) or several columns of 0/1.

    Args:
        table: the rows.
        names: the label columns.
        file: named in messages.
        label_delimiter: between the labels of one cell of one column; makes the task multi-label.
        task: what the user says it is; None = inferred.
        spellings: of one label: ``refuse``, ``join`` or ``apart``.
        missing: cells that mean "no label".
        positive: the positive one of two classes; None = by their names, else the rarer one.
        class_order: all classes, the lowest first; empty = as ``encode_labels`` sorts them.

    Raises:
        DataError: labels that cannot be classes, or contradict ``task``.
        ConfigError: the options do not fit each other.
    """
    choices: dict[str, Any] = {"positive": positive, "class_order": class_order}
    _refuse_options(names, task, label_delimiter, choices)
    if len(names) > 1:
        return _with_task(encode_label_columns(table, names, file, missing), task, names, file)
    name = names[0]
    writing: dict[str, Any] = {"spellings": spellings, "missing": missing}
    if task is not None and not TASKS[task].has_classes:
        return _numbers(text_cells(table, name, file), name, file, TASKS[task], missing)
    lists = read_lists(table[name], name, file, missing) if is_list(table[name].type) else None
    several = label_delimiter is not None or (task is not None and TASKS[task].several_labels)
    if lists is not None and (several or not lists.one_each()):
        _refuse_choices(**choices, but="the labels are multi-label")
        return _with_task(encode_list_labels(lists, name, file, **writing), task, names, file)
    cells = text_cells(table, name, file) if lists is None else lists.cells()
    if label_delimiter is not None:
        labels = encode_joined_labels(cells, name, file, label_delimiter, **writing)
    else:
        sure = task is not None and not TASKS[task].several_labels
        labels = encode_labels(cells, name, file, sure=sure, **writing, **choices)
    if lists is not None:
        said = f"column '{name}' holds lists of exactly one label each: one label per row"
        labels = replace(labels, notes=(*labels.notes, f"{said} (data.task=multilabel takes them for several)"))
    return _with_task(labels, task, names, file)


def _refuse_options(
    names: Sequence[str], task: str | None, label_delimiter: str | None, choices: Mapping[str, Any]
) -> None:
    """Refuse options that contradict each other, whatever the cells are."""
    if task is not None and task not in TASKS:
        raise ConfigError(f"data.task={task}: give one of {', '.join(TASKS)}, or null to infer it")
    several = len(names) > 1 or label_delimiter is not None
    if task is not None and not TASKS[task].has_classes:
        if several:
            raise ConfigError(f"data.task={task}: one number per row, so one data.label and no data.label_delimiter")
        _refuse_choices(**choices, but="a number is predicted")
    if several:
        _refuse_choices(**choices, but="the labels are multi-label")
    if len(names) > 1 and label_delimiter is not None:
        raise ConfigError("data.label_delimiter goes with one label column, data.label names several")


def _numbers(cells: Column, name: str, file: Path | str, task: Task, missing: Sequence[object]) -> Labels:
    values_N, left_out_N, how = read_numbers(cells, name, file, missing)
    notes = (describe_numbers(values_N[~left_out_N]), *filter(None, [how]), *left_out_note(left_out_N, missing))
    return Labels(values_N, (), task, notes, left_out_N)


def encode_labels(
    values: Column,
    column: str,
    file: Path | str,
    *,
    spellings: str = "refuse",
    missing: Sequence[object] = (),
    sure: bool = False,
    positive: ClassName = None,
    class_order: Sequence[object] = (),
) -> Labels:
    """Map one label per row to 0..C-1: numbers in numeric order, others in text order, of two the positive one last.

    Args:
        values: (N,) text, null = missing. An empty cell is missing; "NA", "null" and "None" are labels, and told.
        column: named in messages.
        file: named in messages.
        spellings: of one label: ``refuse``, ``join`` or ``apart``.
        missing: cells that mean "no label".
        sure: whether many whole numbers are known to be classes.
        positive: the positive one of two classes; None = by their names, else the rarer one.
        class_order: all classes, the lowest first; empty = as above.

    Raises:
        DataError: missing labels, one class only, real numbers, or one label written in two ways.
        ConfigError: ``positive`` is no class, or there are more than two; ``class_order`` is not one of all classes.
    """
    cells, left_out_N = _labelled(_as_column(values), column, file, missing)
    encoded: Column = pc.dictionary_encode(cells).combine_chunks()
    indices = encoded.indices
    codes_N = as_numpy(indices.fill_null(-1) if indices.null_count else indices)  # to fill in imports pandas
    texts, notes = one_spelling(encoded.dictionary.to_pylist(), codes_N, column, file, spellings=spellings)
    labels = [label.strip() for label in texts]
    refuse_values(labels, len(codes_N) - int(left_out_N.sum()), column, file, sure)
    classes = sort_labels(set(labels))
    if len(classes) < 2:
        has = f"every row of column '{column}' has the label '{classes[0]}'" if classes else "no row has a label"
        raise DataError(f"{file}: {has}: a classifier needs at least two classes")
    if class_order:
        classes, because = in_order(classes, class_order, positive)
    else:
        classes, because = positive_last(classes, count_rows(classes, labels, codes_N), positive)
    place = {label: index for index, label in enumerate(classes)}
    target_N = np.array([place[label] for label in labels], dtype=np.int64)[codes_N]
    notes = (*left_out_note(left_out_N, missing), *notes, *joined_note(classes, column, file))
    doubtful = doubtful_labels(classes, lambda index: (target_N == index) & ~left_out_N)
    notes = (map_note(classes), *notes, *doubtful)
    return Labels(target_N, classes, of_classes(len(classes)), notes, left_out_N, because)


def _labelled(
    cells: Column, column: str, file: Path | str, missing: Sequence[object]
) -> tuple[Column, NDArray[np.bool_]]:
    """Return the labels, null where a row is left out, and which rows (N,) are."""
    left_out_N = left_out(cells, missing)
    cells = pc.if_else(pa.array(left_out_N), None, cells) if left_out_N.any() else cells
    empty_N = is_blank(cells) & ~left_out_N
    if empty_N.any():
        raise DataError(
            f"{file}: no label in column '{column}' in {rows_listed(empty_N)}: fill in or delete them, or leave them "
            "out with \"data.missing_labels=['']\""
        )
    return cells, left_out_N


def encode_label_columns(
    table: pa.Table, names: Sequence[str], file: Path | str, missing: Sequence[object] = ()
) -> Labels:
    """Read several columns of 0/1, one per label; a row with a cell of ``missing`` is left out.

    Raises:
        DataError: a cell that is not 0 or 1, with its row and column.
    """
    target_NL = np.empty((table.num_rows, len(names)), dtype=np.int64)
    left_out_N = np.zeros(table.num_rows, dtype=bool)
    for name in names if missing else ():
        left_out_N |= left_out(text_cells(table, name, file), missing)
    for place, name in enumerate(names):
        cells = pc.utf8_trim_whitespace(text_cells(table, name, file))
        empty_N = is_blank(cells) & ~left_out_N
        if empty_N.any():
            raise DataError(f"{file}: no label in column '{name}' in {rows_listed(empty_N)}: write 0 or 1")
        one = as_numpy(pc.is_in(cells, pa.array(["1", "1.0", "true", "True"])))
        zero = as_numpy(pc.is_in(cells, pa.array(["0", "0.0", "false", "False"])))
        wrong = ~(one | zero | left_out_N)
        if wrong.any():
            cell = shown(cells[int(wrong.argmax())].as_py())
            raise DataError(
                f"{file}: label column '{name}' has '{cell}' in {rows_listed(wrong)}: "
                "several label columns hold only 0 and 1; if it means no label, "
                f"\"data.missing_labels=['{cell}']\" leaves the rows out"
            )
        target_NL[:, place] = one
    notes = (*multilabel_notes(target_NL[~left_out_N], names), *left_out_note(left_out_N, missing))
    return Labels(target_NL, tuple(names), MULTILABEL, notes, left_out_N)


def encode_joined_labels(
    values: Column,
    column: str,
    file: Path | str,
    delimiter: str,
    *,
    spellings: str = "refuse",
    missing: Sequence[object] = (),
) -> Labels:
    """Read cells such as ``"red|blue"``; an empty cell has no label, which is valid.

    Raises:
        DataError: fewer than two different labels in the whole column.
        ConfigError: the delimiter is empty.
    """
    if not delimiter:
        raise ConfigError("data.label_delimiter is empty: give the text between two labels, such as '|'")
    cells = pc.fill_null(_as_column(values), "")
    left_out_N = left_out(cells, missing)
    cells = pc.if_else(pa.array(left_out_N), "", cells) if left_out_N.any() else cells
    found, rows_P, codes_P, said = split_labels(cells, delimiter, f"{file}: column '{column}'", spellings)
    place = f"split at '{delimiter}' "
    labels = _several_labels(found, rows_P, codes_P, left_out_N, column, file, spellings=spellings, how=place)
    notes = (*left_out_note(left_out_N, missing), *said)
    if labels.target.sum(axis=1).max() < 2:
        notes = (*notes, f"no cell of '{column}' has more than one label: is '{delimiter}' the right delimiter?")
    return replace(labels, notes=(*labels.notes, *notes))


def encode_list_labels(
    lists: LabelLists, column: str, file: Path | str, *, spellings: str = "refuse", missing: Sequence[object] = ()
) -> Labels:
    """Read lists of labels; an empty one has no label, which is valid.

    Raises:
        DataError: fewer than two different labels in the whole column.
    """
    encoded: Column = pc.dictionary_encode(pc.utf8_trim_whitespace(lists.texts_P))
    found, codes_P = encoded.dictionary.to_pylist(), as_numpy(encoded.indices).astype(np.int64)
    labels = _several_labels(found, lists.rows_P, codes_P, lists.left_out_N, column, file, spellings=spellings)
    notes = (*left_out_note(lists.left_out_N, missing), *lists.notes)
    if labels.target.sum(axis=1).max() < 2:
        notes = (*notes, f"no list of '{column}' has more than one label")
    return replace(labels, notes=(*labels.notes, *notes))


def _several_labels(
    found: Sequence[str],
    rows_P: NDArray[np.int64],
    codes_P: NDArray[np.int64],
    left_out_N: NDArray[np.bool_],
    column: str,
    file: Path | str,
    *,
    spellings: str,
    how: str = "",
) -> Labels:
    """Return the labels of rows that may have several, from the row and the label of each that holds."""
    texts, notes = one_spelling(found, codes_P, column, file, spellings=spellings, rows=rows_P)
    classes = sort_labels(set(texts))
    if len(classes) < 2:
        raise DataError(
            f"{file}: column '{column}' {how}has {len(classes)} different labels"
            f"{f' ({classes[0]})' if classes else ''}: multi-label needs at least two"
        )
    place = {label: index for index, label in enumerate(classes)}
    index_of_code = np.array([place[label] for label in texts], dtype=np.int64)
    target_NL = np.zeros((len(left_out_N), len(classes)), dtype=np.int64)
    target_NL[rows_P, index_of_code[codes_P]] = 1
    doubtful = doubtful_labels(classes, lambda index: target_NL[:, index] == 1)
    notes = (*multilabel_notes(target_NL[~left_out_N], classes), *notes, *doubtful)
    return Labels(target_NL, classes, MULTILABEL, notes, left_out_N)


def _refuse_choices(positive: ClassName, class_order: Sequence[object], *, but: str) -> None:
    refuse_positive(positive, but)
    refuse_order(class_order, but)


def _as_column(values: Column) -> Column:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values], pa.string())


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
