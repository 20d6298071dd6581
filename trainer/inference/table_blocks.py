"""A table as blocks of rows: large files whose reader can are never in memory as a whole, others are cut up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.content import naming_content
from trainer.data.readers.contract import FORM, OpenTable, TableBlocks, Wanted
from trainer.data.readers.find import find_reader, name_of
from trainer.data.readers.frames import is_frame, open_frame
from trainer.data.readers.tables import open_table
from trainer.data.readers.unpacked import is_packed

LEAST_BYTES = 1 << 22  # a smaller file is read whole


def open_blocks(
    data: Any, columns: ColumnOptions, wanted: Wanted | None, n_rows: int, named: str = "the frame"
) -> TableBlocks:
    """Open a file or a frame.

    Args:
        data: a path, or a frame.
        columns: how a file is written; of another kind of file than the run's this is left to the file.
        wanted: columns that may be asked for: of a large file others are not read; None = it is read whole.
        n_rows: of a block.
        named: what a frame is called in messages.

    Raises:
        DataError: it cannot be read, or has no rows.
        ConfigError: an option does not fit the file.
    """
    if is_frame(data):
        return cut_up(open_frame(data, named), n_rows)
    file = Path(data)
    if wanted is not None and file.is_file() and file.stat().st_size >= LEAST_BYTES and not is_packed(file):
        reader = find_reader(file, columns)
        read_blocks = getattr(reader, "read_blocks", None)
        with naming_content(file, name_of(reader)):
            large: TableBlocks | None = read_blocks and read_blocks(file, columns, wanted, n_rows)
        if large is not None:
            return large
    return cut_up(open_table(file, columns), n_rows)


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


def cut_up(opened: OpenTable, n_rows: int) -> TableBlocks:
    """Return a table that is in memory as blocks of so many rows."""
    table = opened.rows

    def read() -> Iterator[pa.Table]:
        return (table.slice(start, n_rows) for start in range(0, table.num_rows, n_rows))

    return TableBlocks(tuple(table.column_names), table.num_rows, read, opened.notes, opened)
