"""Read a table without a look at what it hides."""

from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table


def read_table(path: str | Path, encoding: str = "utf-8", delimiter: str | None = None) -> pa.Table:
    """Return the rows; the first line has the names, whatever they are."""
    header = "first" if Path(path).suffix.lower() in (".csv", ".tsv", ".txt") else None
    return open_table(path, ColumnOptions(encoding=encoding, delimiter=delimiter, header=header)).rows
