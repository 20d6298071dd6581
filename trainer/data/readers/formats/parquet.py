"""Parquet: a file, or a folder of parts as Spark, Dask and pandas write it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.class_names import features_of, with_class_names
from trainer.data.readers.contract import OpenTable, TableBlocks, Wanted
from trainer.data.readers.lazy_table import LazyTable
from trainer.data.readers.pandas_index import HAS_IDS, LEFT_OUT, numbered_index, saved_index, without_index
from trainer.data.readers.parts import joined_parts
from trainer.data.readers.plain_columns import plain_table
from trainer.errors import DataError, shown
from trainer.system import arrow_files
from trainer.system.arrow_files import Column

NAME = "a Parquet file"
ENDINGS = (".parquet", ".pq")
ALSO = ()
MAGIC = (b"PAR1",)
USES = frozenset[str]()

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # of a partition column, in the name of a folder
READ_BYTES = 1 << 16  # of a column at a time, where rows are read in blocks; else all of a row group's
VERSIONED = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}  # keep rows that were deleted


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as Parquet does, or is a folder of parts."""
    return head.startswith(MAGIC) or (path.is_dir() and bool(_parts(path)))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows of a file, or those of all parts of a folder, in the order of their names."""
    parts = _parts(path) if path.is_dir() else [path]
    _refuse_versioned(path)
    raw = [_read_file(part) for part in parts]
    plain = [plain_table(table, part) for table, part in zip(raw, parts, strict=True)]
    tables = [_with_partitions(table, part, path) for table, part in zip(plain, parts, strict=True)]
    opened = without_index(joined_parts(tables, parts), raw[0].schema)
    if path.is_dir():
        said = f"{len(parts)} parts of a folder read as one table, in the order of their names"
        opened = replace(opened, notes=(said, *opened.notes))
    return with_class_names(opened, features_of(raw[0].schema), path, columns)


def read_columns(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the same rows of a file, each column of which is read when it is asked for.

    Raises:
        DataError: it is a folder, or a column has the name of another.
    """
    if path.is_dir():
        raise DataError(
            f"{path}: data.in_memory=false reads one file, and this is a folder of parts: write them to one, or set "
            "data.in_memory=true"
        )
    schema, n_rows = _about(path)
    if not n_rows or len(set(schema.names)) < len(schema.names):
        return read(path, columns)  # which is refused

    def column(name: str) -> Callable[[], Column]:
        return lambda: plain_table(_read_file(path, [name]).select([name]), path)[name]

    table: Any = LazyTable({name: column(name) for name in schema.names}, n_rows)
    return with_class_names(without_index(table, schema), features_of(schema), path, columns)


def read_blocks(path: Path, columns: ColumnOptions, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Return the same rows of a file block by block; None of a folder."""
    if path.is_dir():
        return None
    schema, total = _about(path)
    if not total or len(set(schema.names)) < len(schema.names):  # told where it is read whole
        return None
    index = numbered_index(schema.names, schema, total)
    saved, features = saved_index(schema.names), features_of(schema)
    names = [name for name in schema.names if name not in saved] + ([index[0]] if index else [])
    kept = [name for name in names if name in wanted.names and name in schema.names]

    def read() -> Iterator[pa.Table]:
        start = 0
        for raw in _raw_blocks(path, kept, n_rows):
            table = plain_table(raw, path)
            if index is not None:
                table = table.append_column(index[0], pa.array(index[1][start : start + len(raw)], pa.int64()))
            yield with_class_names(OpenTable(table), features, path, columns, first_row=start).rows
            start += len(raw)

    empty = plain_table(schema.empty_table().select([name for name in names if name in schema.names]), path)
    notes = with_class_names(OpenTable(empty), features, path, columns).notes
    said = [*([LEFT_OUT] if saved else []), *([HAS_IDS.format(name=index[0])] if index else []), *notes]
    return TableBlocks(tuple(names), total, read, said)


def _raw_blocks(path: Path, names: list[str], n_rows: int) -> Iterator[pa.Table]:
    from pyarrow import parquet

    try:
        with arrow_files.opened(path) as stream:
            file = parquet.ParquetFile(stream, buffer_size=READ_BYTES, pre_buffer=False)
            for batch in file.iter_batches(n_rows, columns=names, use_threads=False):
                yield pa.Table.from_batches([batch]).select(names)
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: Exception) -> DataError:
    return DataError(f"{path}: not a readable Parquet file ({shown(str(problem))})")


def shape_of(path: Path) -> tuple[int, int]:
    """Return how many rows and columns a file has, as its last bytes say.

    Raises:
        DataError: it is no readable Parquet file.
    """
    schema, n_rows = _about(path)
    return n_rows, len(schema.names)


def _about(path: Path) -> tuple[pa.Schema, int]:
    """Return the columns of a file and how many rows it has."""
    from pyarrow import parquet

    try:
        with arrow_files.opened(path) as stream:
            about = parquet.ParquetFile(stream)
            return about.schema_arrow, int(about.metadata.num_rows)
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(path, problem) from problem


def _read_file(path: Path, names: list[str] | None = None) -> pa.Table:
    from pyarrow import parquet

    try:
        with arrow_files.opened(path) as stream:
            return parquet.ParquetFile(stream).read(names)
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(path, problem) from problem


def _parts(folder: Path) -> list[Path]:
    """Return the Parquet files by name, part.2 before part.10, those of folders key=value too; not the writer's own."""
    parts: list[Path] = []
    for path in folder.iterdir():
        if path.name.startswith((".", "_")):
            continue
        if path.suffix.lower() in ENDINGS and path.is_file():
            parts.append(path)
        elif "=" in path.name and path.is_dir():
            parts += _parts(path)
    return sorted(parts, key=lambda path: [(text, int(n or 0)) for text, n in _pieces(path.as_posix())])


def _pieces(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(\D*)(\d*)", text)


def _refuse_versioned(folder: Path) -> None:
    for name, product in VERSIONED.items():
        if (folder / name).is_dir():
            raise DataError(
                f"{folder}: a {product} table ('{name}'), whose folder keeps deleted rows and old versions too: write "
                "the rows of one version to a Parquet file"
            )


def _with_partitions(table: pa.Table, part: Path, folder: Path) -> pa.Table:
    """Add what the names of the folders say: year=2024/part-0.parquet has a column year."""
    for name in part.parent.parts[len(folder.parts) :]:
        key, is_pair, value = name.partition("=")
        if is_pair and unquote(key) not in table.column_names:
            cell = None if value == NO_VALUE else unquote(value)
            table = table.append_column(unquote(key), pa.array([cell] * table.num_rows, pa.string()))
    return table
