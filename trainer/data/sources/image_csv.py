"""Images that a table names, with their labels."""

import posixpath
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.reading import IMAGE_TABLE, reading_of
from trainer.data.columns.roles import is_blank, rows_listed, text_cells
from trainer.data.columns.rows import assign_roles, labels_of, read_rows
from trainer.data.columns.unread import unread_columns
from trainer.data.images.addresses import local_names
from trainer.data.images.image_files import hash_images, list_files
from trainer.data.images.image_names import is_image_name
from trainer.data.readers.archives import Archive, open_archive
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.tables import open_table
from trainer.data.readers.unpacked import table_name
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.excluded import without_excluded
from trainer.errors import ConfigError, DataError, shown
from trainer.system.paths import PathText
from trainer.system.spellings import difference, spelling_key

MOST_NAMED = 5  # rows or files in a message


def load_image_csv(
    path: PathText,
    columns: ColumnOptions,
    *,
    images: PathText | None = None,
    file: str = "file",
    suffix: str = "",
    zip_encoding: str | None = None,
) -> tuple[Samples, DataSpec]:
    """Load images and labels; its options are the arguments and the fields of ``columns``.

    Args:
        path: table file, or a zip file that holds one table next to the images.
        columns: what the columns are, and how the file is written.
        images: directory or zip file with the images; None = where the table is.
        file: column with the name of each image file below ``images``.
        suffix: added to every file name.
        zip_encoding: of the names in a zip file that do not say theirs; None = guess.

    Raises:
        DataError: the table, or a row or image of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    if not file:
        raise ConfigError("data.file is empty: give the column that holds the names of the image files")
    opened = open_table(path, columns, zip_encoding)
    return image_samples(opened, path, columns, images=images, file=file, suffix=suffix, zip_encoding=zip_encoding)


def image_samples(
    opened: OpenTable,
    path: str,
    columns: ColumnOptions,
    *,
    images: str | None = None,
    file: str = "file",
    suffix: str = "",
    zip_encoding: str | None = None,
) -> tuple[Samples, DataSpec]:
    """Return images and labels of a table that was read.

    Args:
        opened: the table.
        path: of the table; where there is none, what it is called in messages.
        columns: what the columns are.
        images: as for ``load_image_csv``, as the others are.
        file: likewise.
        suffix: likewise.
        zip_encoding: likewise.
    """
    table, columns = opened.rows, opened.complete(columns)
    roles = assign_roles(table, path, columns, others={"file": file})
    column, join = roles.others["file"][0], columns.spellings == "join"
    root, names, wanted, archive = find_images(
        opened, path, column, images=images, suffix=suffix, zip_encoding=zip_encoding, join=join
    )
    labels = labels_of(table, roles, path, columns)
    rows = read_rows(table, roles, path, columns.spellings)
    repeated = len(names) - len(set(names))
    if roles.id is None and not repeated:
        rows["ids_N"] = np.array(wanted, dtype=np.str_)
    beside = unread_columns(table, roles.free)
    inputs = hash_images(root, names)
    samples = Samples(inputs=inputs, target=labels.target, votes_NC=labels.votes_NC, beside=beside, **rows)
    again = (f"{repeated} of the rows name an image that an earlier row names too",) if repeated else ()
    notes = (*opened.notes, *labels.notes, *again, *(archive.notes if archive else ()))
    reading = reading_of(IMAGE_TABLE, columns, roles.label, file=roles.others["file"][0], suffix=suffix)
    spec = DataSpec(table_name(path), labels.task, labels.classes, notes, labels.positive_because, reading)
    return without_excluded(samples.only(~labels.left_out_N), spec, columns.exclude)


def find_images(
    opened: OpenTable,
    path: str,
    file: str,
    *,
    images: str | None,
    suffix: str = "",
    zip_encoding: str | None = None,
    join: bool = False,
) -> tuple[str, list[str], list[str], Archive | None]:
    """Return where the images are, the name of each below that place and in the table, and the zip file they are in.

    Args:
        opened: the table.
        path: of the table.
        file: the column that names them.
        images: as for ``load_image_csv``, as the others are.
        suffix: likewise.
        zip_encoding: likewise.
        join: find a file by any writing of its name.

    Raises:
        DataError: files are missing; names the first rows.
    """
    wanted = _file_names(opened.rows, file, path, suffix)
    root = _root(path, images)
    archive = None if Path(root).is_dir() else open_archive(root, zip_encoding)
    wanted = local_names(wanted, root, lambda: list_files(root, zip_encoding).files)
    find = _finder(root, archive, join=join)
    names = _below(root, wanted, "" if images or not _is_zip(path) else opened.folder, path, find)
    return root, names, wanted, archive


def _is_zip(path: str) -> bool:
    return path.lower().endswith(".zip")


def _root(path: str, images: str | None) -> str:
    """Return the directory or zip file with the images.

    Raises:
        DataError: it is not there.
    """
    holds_all = _is_zip(path) or Path(path).is_dir()
    place = Path(images or (path if holds_all else Path(path).parent))
    if images and not place.is_dir() and not (place.is_file() and _is_zip(images)):
        what = "is neither a directory nor a .zip file" if place.exists() else "does not exist"
        raise DataError(f"data.images={images} {what}: give the directory or .zip that holds the image files")
    return str(place)


def _file_names(table: pa.Table, column: str, path: str, suffix: str) -> list[str]:
    """Return the file name of each row, with ``/`` between folders.

    Raises:
        DataError: a row names no file.
    """
    cells = text_cells(table, column, path)
    missing = is_blank(cells)
    if missing.any():
        raise DataError(f"{path}: no file name in column '{column}' in {rows_listed(missing)}: fill in or delete them")
    return [cell.strip().replace("\\", "/") + suffix for cell in cells.to_pylist()]


def _below(root: str, wanted: Sequence[str], folder: str, path: str, find: Callable[[str], str]) -> list[str]:
    """Return the name that each file has below ``root``.

    Raises:
        DataError: files lie elsewhere or are missing; names the first rows.
    """
    names = [_place(name, folder, root, path) for name in wanted]
    outside = [row for row, name in enumerate(names) if name.startswith("/")]
    if outside:
        raise DataError(f"{path}: {_rows(outside, wanted)}: not below {root}\n{_way_in(root, names)}")
    top = _single_top(root)
    if not folder and top and not any(map(find, names)) and any(find(f"{top}/{name}") for name in names):
        names = [f"{top}/{name}" for name in names]
    found = [find(name) for name in names]
    missing = [row for row, name in enumerate(found) if not name]
    if missing:
        raise DataError(f"{path}: {_rows(missing, wanted)}: no such file in {root}\n{_advice(root, names, missing)}")
    return found


def _place(name: str, folder: str, root: str, table: str) -> str:
    """Return where a file is below ``root``, or its whole path where it is elsewhere.

    Absolute names, and those that lead up, start from the table's directory: they may lead into ``root`` again.
    """
    below = posixpath.normpath(posixpath.join(folder, name))
    if not below.startswith(("../", "/")):
        return below
    whole = PurePosixPath(posixpath.normpath(posixpath.join(_whole(Path(table).parent), below)))
    return whole.relative_to(_whole(root)).as_posix() if whole.is_relative_to(_whole(root)) else whole.as_posix()


def _whole(path: str | Path) -> str:
    return posixpath.normpath(Path(path).absolute().as_posix())


def _way_in(root: str, names: Sequence[str]) -> str:
    """Say how files outside of ``root`` are reached."""
    if Path(root).is_dir() and all(name.startswith("/") for name in names):
        return f"set data.images={posixpath.commonpath([posixpath.dirname(name) for name in names])}"
    return "take these rows out of the table, or put all images below one directory"


def _finder(root: str, archive: Archive | None, *, join: bool) -> Callable[[str], str]:
    """Return what gives the name that a file has below ``root``, or "" where there is none.

    Accents are joined to their letters in most tables (NFC) and apart in archives made on a Mac (NFD). With ``join``
    a file is found by any writing of its name, where no other one has it.
    """
    by_key: dict[str, str] = {}
    for name in (archive.members if archive else list_files(root).files) if join else ():
        key = spelling_key(name)
        by_key[key] = "" if key in by_key else name
    has = archive.members.__contains__ if archive else _is_file_in(root)

    def find(name: str) -> str:
        if has(name):
            return name
        forms = () if name.isascii() else (unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
        return next(filter(has, forms), "") or (by_key.get(spelling_key(name), "") if join else "")

    return find


def _is_file_in(root: str) -> Callable[[str], bool]:
    def is_file(name: str) -> bool:
        try:
            return Path(root, name).is_file()
        except OSError:  # a name that is too long
            return False

    return is_file


def _single_top(root: str) -> str:
    """Return the one folder at the top of a zip file, or ""."""
    if Path(root).is_dir():
        return ""
    tops = {name.split("/", 1)[0] if "/" in name else "" for name in list_files(root).files}
    return tops.pop() if len(tops) == 1 else ""


def _rows(rows: Sequence[int], wanted: Sequence[str]) -> str:
    listed = ", ".join(f"row {row + 1} '{shown(wanted[row], 60)}'" for row in rows[:MOST_NAMED])
    return listed if len(rows) == 1 else f"{len(rows)} rows ({listed}{', ...' if len(rows) > MOST_NAMED else ''})"


def _advice(root: str, names: Sequence[str], missing: Sequence[int]) -> str:
    """Say what is next to the first missing file."""
    name = PurePosixPath(names[missing[0]])
    beside = _beside(root, name)
    longer = [other for other in beside if PurePosixPath(other).stem == name.name and is_image_name(other)]
    if longer:
        return f"there is '{shown(longer[0], 60)}': set data.suffix={PurePosixPath(longer[0]).suffix}"
    key = spelling_key(str(name))
    alike = [other for other in beside if spelling_key(other) == key]
    if alike and alike != [str(name)]:
        by = difference([str(name), alike[0]])
        return (
            f"there is '{shown(alike[0], 60)}', which differs only by {by}: write the names as those of the files, "
            "or set data.spellings=join"
        )
    if len(missing) == len(names):
        return "no row's file is there: set data.images to the directory or .zip that the names start from"
    return "put them there, or take these rows out of the table"


def _beside(root: str, name: PurePosixPath) -> list[str]:
    if not Path(root).is_dir():
        return [other for other in open_archive(root).members if PurePosixPath(other).parent == name.parent]
    try:
        return sorted((name.parent / entry.name).as_posix() for entry in Path(root, name.parent).iterdir())
    except OSError:  # no such directory
        return []
