"""Parquet."""

from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.errors import DataError, shown
from trainer.system import arrow_files

NAME = "a Parquet file"
ENDINGS = (".parquet", ".pq")
ALSO = ()
MAGIC = (b"PAR1",)
USES = frozenset[str]()


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as Parquet does."""
    return head.startswith(MAGIC)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows."""
    from pyarrow import parquet

    try:
        with arrow_files.opened(path) as stream:
            table = parquet.ParquetFile(stream).read()
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{path}: not a readable Parquet file ({shown(str(problem))})") from problem
    saved_index = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop_columns(saved_index)
    for place, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(place, table.column_names[place], column.cast(column.type.value_type))
    left_out = ("the row names that pandas saved are no column: left out",) if saved_index else ()
    return OpenTable(table, notes=left_out)
