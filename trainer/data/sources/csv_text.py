"""Texts with labels from a table file (CSV, TSV, Parquet, JSON lines)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.labels import read_labels
from trainer.data.columns.roles import Names, is_blank, rows_listed, text_cells
from trainer.data.columns.rows import assign_roles, read_rows
from trainer.data.readers.tables import read_table
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.errors import ConfigError, DataError
from trainer.system.arrow_files import Column


def load_csv_text(
    path: str,
    *,
    text: Names,
    label: Names,
    pair: Names | None = None,
    id: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    label_delimiter: str | None = None,
    task: str | None = None,
) -> tuple[Samples, DataSpec]:
    """Load texts and labels; one argument per line of conf/data/csv_text.yaml.

    Args:
        path: table file; its ending says how it is read.
        text: one column, or several joined by a space.
        label: one column, several columns of 0/1 (multi-label), or a pattern such as ``label:*``.
        pair: the second text of each row, for rows that are pairs (a question and its answer): one column, or several.
        id: column with unique row names; None = row numbers from 0.
        weight: column with sample weights.
        group: column with the group of each row.
        time: column with a number, a date or an ISO time for each row.
        split: column with the fold of each row, or train / test.
        encoding: of the file.
        delimiter: between cells; None = by the file's ending.
        label_delimiter: between the labels of one cell (multi-label), such as ``|``.
        task: binary, multiclass or multilabel; None = inferred.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    table = read_table(path, encoding, delimiter)
    single = {"id": id, "weight": weight, "group": group, "time": time, "split": split}
    roles = assign_roles(table, path, label=label, single=single, others={"text": text, "pair": pair})
    if not roles.others["text"]:
        raise ConfigError("data.text names no column: give the column that holds the text")
    texts, text_notes = _texts(table, roles.others["text"], path, "data.text")
    pairs, pair_notes = _texts(table, roles.others["pair"], path, "data.pair") if roles.others["pair"] else (None, ())
    labels = read_labels(table, roles.label, path, label_delimiter=label_delimiter, task=task)
    samples = Samples(inputs=Texts(texts, pairs), target=labels.target, **read_rows(table, roles, path))
    del table
    pa.default_memory_pool().release_unused()
    notes = (*labels.notes, *text_notes, *pair_notes)
    return samples, DataSpec(Path(path).stem, labels.task, labels.classes, notes)


def _texts(table: pa.Table, names: Sequence[str], path: str, option: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the text of every row, and a note on the empty ones."""
    texts = _joined(table, names, path)
    return tuple(texts.to_pylist()), _empty_note(texts, names, path, option)


def _joined(table: pa.Table, names: Sequence[str], path: str) -> Column:
    columns: list[Column] = [pc.fill_null(text_cells(table, name, path), "") for name in names]
    if len(columns) == 1:
        return columns[0]
    columns = [pc.cast(column, pa.large_string()) for column in columns]
    space = pa.scalar(" ", pa.large_string())
    return pc.utf8_trim_whitespace(pc.binary_join_element_wise(*columns, space))


def _empty_note(texts: Column, names: Sequence[str], path: str, option: str) -> tuple[str, ...]:
    empty_N = is_blank(texts)
    if np.all(empty_N):
        raise DataError(f"{path}: every text in {', '.join(names)} is empty: is {option} the right column?")
    return (f"empty {option.removeprefix('data.')} in {rows_listed(empty_N)}: kept",) if empty_N.any() else ()
