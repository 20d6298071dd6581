"""Read a table file of whatever format into memory, or say plainly why it cannot be read."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.content import naming_content
from trainer.data.readers.contract import OpenTable, Reader
from trainer.data.readers.find import endings, find_reader, is_format_of_folders, name_of
from trainer.data.readers.table_checks import without_index
from trainer.data.readers.unpacked import is_packed, unpacked
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.store.own_files import require_own_name
from trainer.system.paths import path_problem
from trainer.wording.lists import first_few
from trainer.wording.translations import _


def open_columns(path: str | Path, columns: ColumnOptions) -> OpenTable:
    """Return what ``open_table`` does, but that each column is read when it is asked for (``LazyTable``).

    Raises:
        DataError: as ``open_table``.
        ConfigError: a file of this format cannot be read so.
    """
    file = Path(path)
    check_openable(file)
    reader = None if is_packed(file) else find_reader(file, columns)
    if reader is None or not hasattr(reader, "read_columns"):
        raise ConfigError(
            f"data.in_memory=false reads Parquet, and {file} is another kind of file: write its rows to Parquet, or "
            "set data.in_memory=true"
        )
    return _checked(file, columns, reader, reader.read_columns)


def open_table(path: str | Path, columns: ColumnOptions, zip_encoding: str | None = None) -> OpenTable:
    """Read a table, look for what it may hide, and leave a column of row numbers out.

    Args:
        path: a file that a reader of ``trainer/data/readers/formats`` is for; it may be compressed, or in an archive.
        columns: how the file is written.
        zip_encoding: of the names in a zip file that do not say theirs; None = guess.

    Raises:
        DataError: the file cannot be read as a table, or hides something; names the file, and the row where there is
            one.
        ConfigError: the options are not usable.
    """
    file = Path(path)
    check_openable(file)
    if not is_packed(file):
        return _open(file, columns)
    any_ending = columns.format is not None
    with unpacked(file, columns.table, any_ending=any_ending, zip_encoding=zip_encoding) as inner:
        opened = _open(inner.file, replace(columns, table=inner.table))
        return replace(opened, notes=(*inner.notes, *opened.notes), folder=inner.folder)


def _open(file: Path, columns: ColumnOptions) -> OpenTable:
    reader = find_reader(file, columns)
    return _checked(file, columns, reader, reader.read)


def _checked(
    file: Path, columns: ColumnOptions, reader: Reader, read: Callable[[Path, ColumnOptions], OpenTable]
) -> OpenTable:
    with naming_content(file, name_of(reader)):
        opened = read(file, columns)
    _check_columns(opened.rows, file)
    opened = _without_declined(opened, columns)
    rows, left_out = without_index(opened.rows, _named(opened.complete(columns)))
    return replace(opened, rows=rows, notes=(*opened.notes, *left_out), kind=reader.NAME)


def _without_declined(opened: OpenTable, columns: ColumnOptions) -> OpenTable:
    """Leave out the columns that the format knows and a person does not want: they are no features."""
    fields = [name for name in opened.declined(columns) if name in opened.known]
    names = [opened.known[name] for name in fields if opened.known[name] in opened.rows.column_names]
    known = {name: value for name, value in opened.known.items() if name not in fields}
    return replace(opened, rows=opened.rows.drop_columns(names), known=known)


def _named(columns: ColumnOptions) -> set[str]:
    """Return the columns that the options name."""
    roles = (columns.label, columns.id, columns.group, columns.time, columns.split, columns.weight)
    return {str(name) for names in roles for name in ([names] if isinstance(names, str | int) else names or ())}


def check_openable(file: Path) -> None:
    """Refuse what is neither a file nor a folder that is one table; raises as ``check_is_file``."""
    try:
        if not (os.path.isdir(file) and is_format_of_folders(file)):  # noqa: PTH112 - Path.is_dir raises on a long name
            check_is_file(file)
    except (OSError, ValueError) as problem:  # a name too long, a directory that may not be read
        raise DataError(f"{shown(str(file), 200)}: cannot be opened ({shown(str(problem))})") from problem


def check_is_file(file: Path) -> None:
    """Refuse what is no file.

    Raises:
        DataError: it is missing or a directory; names what lies next to it.
        ForeignFileError: in a run, something else bears a name of Foldwise's own.
    """
    if why := path_problem(str(file)):
        raise DataError(f"{shown(str(file))}: {why}")
    require_own_name(file)
    if file.is_dir():
        inside = sorted(entry.name for entry in file.iterdir() if entry.suffix.lower() in endings() or is_packed(entry))
        raise DataError(_("{file} is a directory: name the file{listed}").format(file=file, listed=_listed(inside)))
    if file.is_file():
        return
    if not file.parent.is_dir():
        said = _("{file}: no such file; the directory {directory} does not exist either")
        raise DataError(said.format(file=file, directory=file.parent))
    beside = sorted(entry.name for entry in file.parent.iterdir() if entry.is_file())
    no_files = _("; the directory {directory} has no files").format(directory=file.parent)
    hint = did_you_mean(file.name, beside, _) if beside else no_files
    raise DataError(_("{file}: no such file{hint}").format(file=file, hint=hint))


def _listed(names: list[str]) -> str:
    return f" ({first_few(names, rest=', ...')})" if names else ""


def _check_columns(table: pa.Table, file: Path) -> None:
    names = table.column_names
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        places = [str(place) for place, name in enumerate(names, start=1) if name == repeated[0]]
        raise DataError(f"{file}: duplicate column '{repeated[0]}' (columns {', '.join(places)}): rename or delete one")
    if not names:
        raise DataError(f"{file}: no columns")
    if not table.num_rows:
        raise DataError(f"{file}: no rows, only the header ({shown(', '.join(names))})")
