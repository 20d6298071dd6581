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
    parts = _parts_of(path)
    raw = [_read_file(part) for part in parts]
    tables = [_plain_part(table, part, path) for table, part in zip(raw, parts, strict=True)]
    return _opened(joined_parts(tables, parts), raw[0].schema, path, columns, len(parts))


def read_columns(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the same rows, each column of which is read when it is asked for."""
    parts = _parts_of(path)
    schemas, rows = zip(*map(_about, parts), strict=True)
    if not sum(rows) or any(len(set(schema.names)) < len(schema.names) for schema in schemas):
        return read(path, columns)  # which is refused
    empty = [_plain_part(schema.empty_table(), part, path) for schema, part in zip(schemas, parts, strict=True)]

    def column(name: str) -> Callable[[], Column]:
        def cells() -> Column:
            in_file = [name if name in schema.names else schema.names[0] for schema in schemas]  # else of the folder
            raw = [_read_file(part, [one]).select([one]) for part, one in zip(parts, in_file, strict=True)]
            tables = [_plain_part(table, part, path).select([name]) for table, part in zip(raw, parts, strict=True)]
            return joined_parts(tables, parts)[name]

        return cells

    table: Any = LazyTable({name: column(name) for name in joined_parts(empty, parts).column_names}, sum(rows))
    return _opened(table, schemas[0], path, columns, len(parts))


def _parts_of(path: Path) -> list[Path]:
    """Return the files that have the rows of a file or folder."""
    _refuse_versioned(path)
    return _parts(path) if path.is_dir() else [path]


def _plain_part(table: pa.Table, part: Path, folder: Path) -> pa.Table:
    return _with_partitions(plain_table(table, part), part, folder)


def _opened(table: pa.Table, schema: pa.Schema, path: Path, columns: ColumnOptions, n_parts: int) -> OpenTable:
    """Return what is told of a table, by what pandas and datasets say in the first file's schema."""
    opened = without_index(table, schema)
    if path.is_dir():
        said = f"{n_parts} parts of a folder read as one table, in the order of their names"
        opened = replace(opened, notes=(said, *opened.notes))
    return with_class_names(opened, features_of(schema), path, columns)


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
    """Return how many rows and columns a file or folder has, as the last bytes of its files say.

    Raises:
        DataError: it is no readable Parquet.
    """
    schemas, rows = zip(*map(_about, _parts_of(path)), strict=True)
    return sum(rows), len(schemas[0].names)


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
