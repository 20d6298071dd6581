"""Arrow IPC: a file, which is also Feather, or a stream."""

from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.class_names import features_of, with_class_names
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.pandas_index import without_index
from trainer.data.readers.plain_columns import plain_table
from trainer.errors import DataError, shown
from trainer.system import arrow_files

NAME = "an Arrow file"
ENDINGS = (".feather", ".arrow", ".ipc", ".arrows")
ALSO = ()
OLD = b"FEA1"  # Feather of before 2020
MAGIC = (b"ARROW1", OLD)
USES = frozenset[str]()

STREAM = b"\xff\xff\xff\xff"  # a stream's messages begin so, as other files may


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as Arrow's files do, or as its streams do and ends so too."""
    return head.startswith(MAGIC) or (path.suffix.lower() in ENDINGS and head.startswith(STREAM))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows."""
    table = read_arrow(path)
    opened = without_index(plain_table(table, path), table.schema)
    return with_class_names(opened, features_of(table.schema), path, columns)


def read_arrow(path: Path) -> pa.Table:
    """Return the rows of a file or a stream as they are, damaged columns too.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with arrow_files.opened(path) as stream:
            begins = stream.read(8)
            stream.seek(0)
            if begins.startswith(OLD):
                raise DataError(
                    f"{path}: Feather of version 1, which is not read: open it with pandas.read_feather and save it "
                    "with to_parquet"
                )
            if begins.startswith(MAGIC):
                return pa.ipc.open_file(stream).read_all()
            return pa.ipc.open_stream(stream).read_all()
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{path}: not a readable Arrow file ({shown(str(problem))})") from problem
