"""Texts with labels from a table file."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.reading import TEXT, reading_of
from trainer.data.columns.roles import is_blank, rows_listed, text_cells
from trainer.data.columns.rows import assign_roles, labels_of, read_rows
from trainer.data.columns.unread import unread_columns
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.tables import open_table
from trainer.data.readers.unpacked import table_name
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.data.sources.excluded import without_excluded
from trainer.errors import ConfigError, DataError
from trainer.system.arrow_files import Column
from trainer.system.paths import PathText


def load_csv_text(
    path: PathText,
    columns: ColumnOptions,
    *,
    text: Names,
    pair: Names | None = None,
) -> tuple[Samples, DataSpec]:
    """Load texts and labels; its options are the arguments and the fields of ``columns``.

    Args:
        path: table file; its ending says how it is read.
        columns: what the columns are, and how the file is written.
        text: one column, or several joined by a space.
        pair: the second text of each row, for rows that are pairs (a question and its answer): one column, or several.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    return text_samples(open_table(path, columns), path, columns, text=text, pair=pair)


def text_samples(
    opened: OpenTable, path: str, columns: ColumnOptions, *, text: Names, pair: Names | None = None
) -> tuple[Samples, DataSpec]:
    """Return texts and labels of a table that was read; ``path`` names it in messages, the rest is as above."""
    columns = opened.complete(columns)
    table, file_notes = opened.rows, opened.notes
    del opened
    roles = assign_roles(table, path, columns, others={"text": text, "pair": pair})
    if not roles.others["text"]:
        raise ConfigError("data.text names no column: give the column that holds the text")
    texts, text_notes = _texts(table, roles.others["text"], path, "data.text")
    pairs, pair_notes = _texts(table, roles.others["pair"], path, "data.pair") if roles.others["pair"] else (None, ())
    labels = labels_of(table, roles, path, columns)
    samples = Samples(
        inputs=Texts(texts, pairs),
        target=labels.target,
        votes_NC=labels.votes_NC,
        beside=unread_columns(table, roles.free),
        **read_rows(table, roles, path, columns.spellings),
    )
    del table
    pa.default_memory_pool().release_unused()
    notes = (*file_notes, *labels.notes, *text_notes, *pair_notes)
    named = {name: list(roles.others[name]) for name in ("text", "pair")}
    reading = reading_of(TEXT, columns, roles.label, **named)
    spec = DataSpec(table_name(path), labels.task, labels.classes, notes, labels.positive_because, reading)
    return without_excluded(samples.only(~labels.left_out_N), spec, columns.exclude)


def _texts(table: pa.Table, names: Sequence[str], path: str, option: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the text of every row, and a note on the empty ones."""
    texts = joined_texts(table, names, path)
    return tuple(texts.to_pylist()), _empty_note(texts, names, path, option)


def joined_texts(table: pa.Table, names: Sequence[str], path: str) -> Column:
    """Return the text of every row: one column, or several joined by a space; an empty cell is an empty text."""
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
