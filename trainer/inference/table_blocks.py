"""A table as blocks of rows: large CSV and Parquet files are never in memory as a whole, others are cut up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import FORM, OpenTable
from trainer.data.readers.csv_fast import LEAST_BYTES, sound_blocks
from trainer.data.readers.csv_form import csv_form
from trainer.data.readers.find import find_reader
from trainer.data.readers.formats import delimited, parquet
from trainer.data.readers.frames import is_frame, open_frame
from trainer.data.readers.plain_columns import plain_table
from trainer.data.readers.table_checks import check_first_line
from trainer.data.readers.tables import open_table
from trainer.errors import DataError, shown
from trainer.system import arrow_files


@dataclass(frozen=True)
class TableBlocks:
    """A table that is read block by block.

    Attributes:
        names: of its columns.
        n_rows: of them; None = not known before all are read.
        read: returns a new iterator over its rows.
        notes: what a person should know about it.
        opened: the whole table, where it is in memory.
    """

    names: tuple[str, ...]
    n_rows: int | None
    read: Callable[[], Iterator[pa.Table]]
    notes: tuple[str, ...] = ()
    opened: OpenTable | None = None


def open_blocks(data: Any, columns: ColumnOptions, wanted: Sequence[str], n_rows: int, named: str) -> TableBlocks:
    """Open a file or a frame.

    Args:
        data: a path, or a frame.
        columns: how a file is written; of another kind of file than the run's this is left to the file.
        wanted: columns that may be asked for: of a large Parquet file others are not read.
        n_rows: of a block.
        named: what a frame is called in messages.

    Raises:
        DataError: it cannot be read, or has no rows.
        ConfigError: an option does not fit the file.
    """
    if is_frame(data):
        return _cut(open_frame(data, named), n_rows)
    file = Path(data)
    if file.is_file() and file.stat().st_size >= LEAST_BYTES:
        large = _large(file, columns, wanted, n_rows)
        if large is not None:
            return large
    return _cut(open_table(file, columns), n_rows)


def written_as(file: Path, columns: ColumnOptions, before: str) -> ColumnOptions:
    """Return the options for a new file: of how the run's file was written what fits a file with the same ending.

    Args:
        file: new.
        columns: of the run.
        before: path of the run's file; empty where there was none.
    """
    default = ColumnOptions()
    if file.suffix.lower() == Path(before).suffix.lower():
        return columns
    return replace(columns, **{name: getattr(default, name) for name in (*FORM, "format")})


def _cut(opened: OpenTable, n_rows: int) -> TableBlocks:
    table = opened.rows

    def read() -> Iterator[pa.Table]:
        return (table.slice(start, n_rows) for start in range(0, table.num_rows, n_rows))

    return TableBlocks(tuple(table.column_names), table.num_rows, read, opened.notes, opened)


def _large(file: Path, columns: ColumnOptions, wanted: Sequence[str], n_rows: int) -> TableBlocks | None:
    suffix = file.suffix.lower()
    if suffix in parquet.ENDINGS:
        return _large_parquet(file, wanted, n_rows)
    if suffix not in delimited.USUAL:
        return None
    find_reader(file, columns)
    form = csv_form(columns.delimiter, delimited.USUAL[suffix], columns.quote, columns.header)
    found = sound_blocks(file, columns.encoding, form)
    if found is None:
        return None
    names, first = found
    if form.header is None:
        check_first_line(next(first), file)

    def read() -> Iterator[pa.Table]:
        again = sound_blocks(file, columns.encoding, form)
        assert again is not None
        return (block.slice(start, n_rows) for block in again[1] for start in range(0, block.num_rows, n_rows))

    return TableBlocks(tuple(names), None, read)


def _large_parquet(file: Path, wanted: Sequence[str], n_rows: int) -> TableBlocks:
    from pyarrow import parquet as arrow_parquet

    try:
        with arrow_files.opened(file) as stream:
            about = arrow_parquet.ParquetFile(stream)
            names, total = tuple(about.schema_arrow.names), int(about.metadata.num_rows)
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{file}: not a readable Parquet file ({shown(str(problem))})") from problem
    kept = [name for name in names if name in wanted]

    def read() -> Iterator[pa.Table]:
        with arrow_files.opened(file) as stream:
            for batch in arrow_parquet.ParquetFile(stream).iter_batches(n_rows, columns=kept):
                yield plain_table(pa.Table.from_batches([batch]), file)

    return TableBlocks(names, total, read)
