"""Image files in a directory or a zip: found, read once for their sha256, and decoded one by one."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.images.decoding import Origin, decode, look, quiet
from trainer.data.images.image_names import is_image_name
from trainer.data.images.pixel_arrays import bitmap_at, pixels_at
from trainer.data.readers.archives import is_system_file, open_archive
from trainer.data.readers.tables import check_is_file
from trainer.data.samples import Images
from trainer.errors import DataError, did_you_mean, shown
from trainer.system.thread_map import threaded
from trainer.wording.translations import _

if TYPE_CHECKING:
    from PIL import Image

READ_THREADS = 8  # reading waits for the disk more than it computes
UNREADABLE = (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
MOST_NAMED = 5  # files in a message


@dataclass(frozen=True)
class Listing:
    """What lies below a directory or in a zip file, sorted; system files are left out.

    Attributes:
        root: the directory or zip file.
        files: names below it, with ``/`` between folders.
        folders: likewise.
        notes: on the names.
    """

    root: str
    files: tuple[str, ...]
    folders: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def images(self) -> tuple[str, ...]:
        """Return the files that end like an image."""
        return tuple(name for name in self.files if is_image_name(name))


def list_files(path: str, zip_encoding: str | None = None) -> Listing:
    """List a directory (through links) or a zip file.

    Args:
        path: of it.
        zip_encoding: of names in the zip file that do not say theirs; None = guess.

    Raises:
        DataError: it is not there, or is neither.
    """
    place = Path(path)
    notes: tuple[str, ...] = ()
    if place.is_dir():
        files, folders = _walk(place)
    else:
        if not place.exists() and place.parent.is_dir():
            beside = sorted(other.name for other in place.parent.iterdir() if other.is_dir() or _is_zip(other))
            hint = did_you_mean(place.name, beside, _)
            raise DataError(_("{file}: no such directory or .zip file{hint}").format(file=place, hint=hint))
        check_is_file(place)
        if not _is_zip(place):
            raise DataError(
                f"{place}: neither a directory nor a .zip file: unpack other archives and give the directory"
            )
        archive = open_archive(str(place), zip_encoding)
        files, folders, notes = list(archive.members), archive.folders, archive.notes
    kept = [tuple(sorted(name for name in names if not is_system_file(name))) for names in (files, folders)]
    return Listing(str(place), kept[0], kept[1], notes)


def hash_images(root: str, names: Sequence[str]) -> Images:
    """Read every file once and return the record of them all.

    Args:
        root: a directory or a zip file.
        names: N files below it; a name may occur more than once.

    Raises:
        DataError: files are missing, empty or unreadable; names rows and files, those that cannot be decoded too.
    """
    distinct = list(dict.fromkeys(names))

    def digest(name: str) -> str | DataError:
        try:
            return hashlib.sha256(read_bytes(root, name)).hexdigest()
        except DataError as problem:
            return problem

    found = dict(zip(distinct, threaded(digest, distinct, READ_THREADS), strict=True))
    broken = [(row, str(found[name])) for row, name in enumerate(names) if isinstance(found[name], DataError)]
    if broken:
        raise_undecodable(root, names)
    raise_broken(root, names, broken)
    return Images(root, tuple(names), tuple(str(found[name]) for name in names))


def read_bytes(root: str, name: str) -> bytes:
    """Return the bytes of a file below a directory or in a zip file, in any thread or process.

    Raises:
        DataError: missing, unreadable or empty; says only that, not the name.
    """
    try:
        in_array = bitmap_at(root, name)
        if in_array is not None:
            return in_array
        payload = open_archive(root).read(name) if Path(root).is_file() else _regular(Path(root, name)).read_bytes()
    except (FileNotFoundError, KeyError) as problem:
        raise DataError("there is no such file") from problem
    except UNREADABLE as problem:
        raise DataError(f"cannot be read ({shown(str(problem))})") from problem
    if not payload:
        raise DataError("the file is empty (0 bytes)")
    return payload


def decoded_image(root: str, name: str) -> tuple["Image.Image", Origin]:
    """Return the image at a place, upright, mode L or RGB, and what it was.

    Raises:
        DataError: it cannot be read or decoded; says only that, not the name.
    """
    pixels = pixels_at(root, name)
    if pixels is None:
        return decode(read_bytes(root, name))
    from PIL import Image

    return Image.fromarray(pixels), _of_array(pixels.shape)


def head_of_image(root: str, name: str) -> Origin:
    """Return what the head of an image says of it; nothing is decoded.

    Raises:
        DataError: it cannot be read; says only that, not the name.
    """
    pixels = pixels_at(root, name)
    return look(read_bytes(root, name)) if pixels is None else _of_array(pixels.shape)


def _of_array(shape: tuple[int, ...]) -> Origin:
    return Origin((shape[0], shape[1]), len(shape) == 2, False, False, 1, None)


def _regular(path: Path) -> Path:
    """Return the path of a file; a pipe or a socket, which would keep its reader waiting for ever, is refused."""
    if path.exists() and not path.is_file():
        raise DataError("it is no regular file")
    return path


def read_image(images: Images, row: int) -> "Image.Image":
    """Return the image of a row: upright, first frame, 8 bits per channel, mode L or RGB.

    Raises:
        DataError: it cannot be decoded; names row and file.
    """
    try:
        with quiet():
            return decoded_image(images.root, images.names[row])[0]
    except DataError as problem:
        raise DataError(f"{place_of(images.root, images.names, row)}: {problem}") from problem


def place_of(root: str, names: Sequence[str], row: int) -> str:
    """Name a row, counted from 1, and its file."""
    return f"row {row + 1}, {shown(f'{root}/{names[row]}', 160)}"


def raise_undecodable(root: str, names: Sequence[str]) -> None:
    """Decode every file, once one is known to be broken: a person shall hear of all at once.

    Raises:
        DataError: likewise ``raise_broken``.
    """
    raise_broken(root, names, broken_images(root, names))


def broken_images(root: str, names: Sequence[str]) -> list[tuple[int, str]]:
    """Decode every file; return the rows of those that cannot be, and what is wrong with each."""

    def problem_of(name: str) -> str:
        try:
            decoded_image(root, name)
        except DataError as problem:
            return str(problem)
        return ""

    with quiet():
        problems = list(threaded(problem_of, names))
    return [(row, problem) for row, problem in enumerate(problems) if problem]


def raise_broken(root: str, names: Sequence[str], broken: Sequence[tuple[int, str]]) -> None:
    """Raise one error for all broken files (row, what is wrong); nothing is broken: return.

    Raises:
        DataError: counts them and names the first five.
    """
    if not broken:
        return
    advice = "repair these files or take them out of the data"
    lines = [f"{place_of(root, names, row)}: {problem}" for row, problem in broken]
    if len(lines) == 1:
        raise DataError(f"{lines[0]}\n{advice}")
    head = f"{len(lines)} of {len(names)} images cannot be used: {advice}"
    if len(lines) <= 4:
        raise DataError("\n".join([head, *lines]))
    others = [f"row {row + 1} ({shown(names[row], 60)})" for row, _ in broken[3:MOST_NAMED]]
    more = f" and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
    raise DataError("\n".join([head, *lines[:3], f"also {', '.join(others)}{more}"]))


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _walk(top: Path) -> tuple[list[str], list[str]]:
    files: list[str] = []
    folders: list[str] = []
    seen = {top.resolve()}
    for directory, below, inside in os.walk(top, onerror=_unreadable, followlinks=True):
        below[:] = sorted(name for name in below if _is_new(Path(directory, name), seen))
        relative = Path(directory).relative_to(top)
        folders += [(relative / name).as_posix() for name in below]
        files += [(relative / name).as_posix() for name in inside]
    return files, folders


def _is_new(folder: Path, seen: set[Path]) -> bool:
    """Return whether a folder was not walked yet: a link may lead back up."""
    real = folder.resolve()
    if is_system_file(folder.name) or real in seen:
        return False
    seen.add(real)
    return True


def _unreadable(problem: OSError) -> None:
    raise DataError(f"{problem.filename}: cannot be read ({problem.strerror})")
