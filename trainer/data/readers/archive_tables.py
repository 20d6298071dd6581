"""Which file in an archive is the table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.data.readers.archives import is_system_file
from trainer.data.readers.find import endings, readers
from trainer.errors import DataError, did_you_mean, shown
from trainer.wording.lists import first_few

WORKBOOK = "xl/workbook.xml"
TRAIN = re.compile(r"(.*[^a-z])?train", re.IGNORECASE)  # begins the name of the table that is meant of several
BESIDE_TABLES = (".txt", ".json")  # notes.txt and schema.json are not the table where there is another
PACKED = (".gz", ".bz2", ".xz", ".zst")
ABOUT = re.compile(r"(read.?me|licen[cs]e|copying|notice|changes|changelog|citation|authors)\b", re.IGNORECASE)
NO_TABLES = re.compile(
    r"\.(md|rst|html?|pdf|docx?|xml|ya?ml|toml|ini|cfg|py|ipynb|r|sh|png|jpe?g|gif|bmp|webp|tiff?|wav|mp3|mp4|pt|pth"
    r"|pkl|pickle|joblib|names|log|lock|zip|tar|tgz)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """The table of an archive.

    Attributes:
        name: in the archive.
        beside: files that are read with it.
        table: what is left to look for in the table.
        notes: on other tables that are there.
    """

    name: str
    beside: tuple[str, ...]
    table: str | None
    notes: tuple[str, ...]


def choose_table(names: Sequence[str], table: str | None, path: Path, *, any_ending: bool = False) -> Choice:
    """Return the table: the one that is named, else the only one at the least depth.

    Args:
        names: of all files in the archive.
        table: one of them, or what to look for in the only one.
        path: of the archive, named in messages.
        any_ending: whether the table need not end like one.

    Raises:
        DataError: there is none, or there are several.
    """
    files = sorted(name for name in names if not is_system_file(name))
    if WORKBOOK in files:
        raise DataError(f"{path}: this is an Excel workbook, which its ending does not say: rename it to end in .xlsx")
    named = [name for name in files if table in (name, name.rpartition("/")[2])] if table else []
    if len(named) == 1:
        return Choice(named[0], _beside(named[0], files), None, ())
    tables = _tables(files, any_ending)
    least = min((name.count("/") for name in tables), default=0)
    top = [name for name in tables if name.count("/") == least]
    alone = [name for name in top if _ending(name) not in BESIDE_TABLES]
    top = alone if len(alone) == 1 else top
    if len(named or top) == 1 or (top and {top[0], *_beside(top[0], files)} >= set(top)):
        others = [name for name in tables if name not in (top[0], *_beside(top[0], files))]
        notes = (f"the table is {top[0]}; not read: {first_few(others, rest=', ...')}",) if others else ()
        return Choice(top[0], _beside(top[0], files), table, notes)
    if not (named or top):
        held = f" ({shown(first_few(files, rest=', ...'), 120)})" if files else ""
        raise DataError(
            f"{path}: no table in it{held}: it must hold one of {' '.join(endings())}, "
            "or data.format=NAME says what it is"
        )
    raise _undecided(named or top, table, path)


def _undecided(tables: Sequence[str], table: str | None, path: Path) -> DataError:
    if table and table not in [name.rpartition("/")[2] for name in tables]:
        return DataError(f"{path}: data.table={table}: there is no such table in it{did_you_mean(table, tables)}")
    listed = first_few(tables, rest=", ...")
    usual = next((name for name in tables if TRAIN.match(PurePosixPath(name).name)), tables[0])
    return DataError(f"{path}: several tables in it ({listed}): name one, such as data.table={usual}")


def _tables(files: Sequence[str], any_ending: bool) -> list[str]:
    """Return what may be a table: what ends like one, else (or where any ending will do) all that is nothing else."""
    possible = [
        name
        for name in files
        if not ABOUT.match(PurePosixPath(name).name) and not NO_TABLES.search(name) and not name.endswith("/")
    ]
    likely = [name for name in possible if _ending(name) in endings()]
    return possible if any_ending or not likely else likely


def _ending(name: str) -> str:
    file = PurePosixPath(name.lower())
    return PurePosixPath(file.stem).suffix if file.suffix in PACKED else file.suffix


def _beside(name: str, files: Sequence[str]) -> tuple[str, ...]:
    """Return the files of the same folder that the format reads together with one."""
    folder = name.rpartition("/")[0]
    others = [other for other in files if other.rpartition("/")[0] == folder and other != name]
    found: list[str] = []
    for reader in readers().values():
        if _ending(name) in (*reader.ENDINGS, *reader.ALSO) and hasattr(reader, "beside"):
            found += reader.beside(name, others)
    return tuple(dict.fromkeys(found))
