"""SQLite databases: one table or view, opened so that nothing is written."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import setting
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.typed_cells import typed_column
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.wording.lists import first_few

NAME = "an SQLite database"
ENDINGS = (".sqlite", ".sqlite3", ".db", ".db3")
ALSO = ()
MAGIC = (b"SQLite format 3\0",)
USES = frozenset({"table"})

TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as SQLite's files do."""
    return head.startswith(MAGIC)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows of the table that is named, or of the only one."""
    _refuse_unfinished(path)
    _refuse_cut(path)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as database:
            name = _choose(database, columns.table, path)
            found = database.execute('SELECT * FROM "{}"'.format(name.replace('"', '""')))
            names, rows = [entry[0] for entry in found.description], found.fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as problem:
        raise DataError(f"{path}: not a readable SQLite database ({shown(str(problem))})") from problem
    return _as_table(names, rows, path)


def _refuse_unfinished(path: Path) -> None:
    """Refuse a database that is being written: some of its rows are in a file beside it."""
    for ending in ("-wal", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.is_file() and beside.stat().st_size:
            raise DataError(
                f"{path}: rows are in {beside.name} still, which is not read: close the program that writes them, or "
                f"run: sqlite3 {path.name} 'PRAGMA wal_checkpoint(TRUNCATE)'"
            )


def _refuse_cut(path: Path) -> None:
    """Refuse a file that is shorter than it says: SQLite reads zeros for what is missing."""
    with path.open("rb") as file:
        head = file.read(32)
    page_bytes, n_pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    size = path.stat().st_size
    if head.startswith(MAGIC) and size < page_bytes * n_pages:
        raise DataError(f"{path}: cut off: {size} bytes of {page_bytes * n_pages}: copy the database again")


def _choose(database: sqlite3.Connection, table: str | None, path: Path) -> str:
    names = [name for (name,) in database.execute(TABLES)]
    if table is not None:
        if table not in names:
            raise ConfigError(f"data.table={table}: no such table or view in {path}{did_you_mean(table, names)}")
        return table
    if not names:
        raise DataError(f"{path}: the database has no table")
    if len(names) > 1:
        listed = first_few([setting("data.table", name) for name in names], rest=", ...")
        raise DataError(f"{path}: {len(names)} tables and views: name one of them\n{listed}")
    return str(names[0])


def _as_table(names: list[str], rows: list[tuple[Any, ...]], path: Path) -> OpenTable:
    arrays = []
    notes: list[str] = []
    for place, name in enumerate(names):
        values, said = typed_column([row[place] for row in rows], name, path, lambda row: f"row {row + 1}")
        arrays.append(values)
        notes += said
    return OpenTable(pa.Table.from_arrays(arrays, names=names), notes=tuple(notes))
