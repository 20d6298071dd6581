"""Images of new rows as pixels at the model's size: decoded and resized as in training, by Pillow."""

import posixpath
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.decoding import brought_to, decode, quiet
from trainer.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
SYSTEM_FILES = ("thumbs.db", "desktop.ini", "__macosx")  # and all that begin with a dot
UNREADABLE = (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Place:
    """A folder or a zip file with images; a context that closes it.

    Args:
        root: of it.

    Raises:
        ValueError: it is neither.
    """

    def __init__(self, root: Path) -> None:
        self.root, self._zip = root, None
        if root.is_dir():
            return
        try:
            self._zip = zipfile.ZipFile(root)
        except (zipfile.BadZipFile, OSError) as problem:
            raise ValueError(f"{root} is neither a folder nor a zip file with images") from problem

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *raised: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def names(self) -> list[str]:
        """Return the names of all image files, sorted."""
        if self._zip is not None:
            found = [info.filename for info in self._zip.infolist() if not info.is_dir()]
        else:
            found = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
        return sorted(name for name in found if name.lower().endswith(ENDINGS) and not _of_the_system(name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return (self.root / name).read_bytes() if self._zip is None else self._zip.read(name)


def _of_the_system(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in SYSTEM_FILES for part in PurePosixPath(name).parts)


def is_place(path: Path) -> bool:
    """Return whether a path is a folder or a zip file, not a table that names images."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def below(names: Sequence[str], suffix: str, start: int) -> list[str]:
    """Return where the files that a table names are, below the place of the images.

    Args:
        names: cells of the table.
        suffix: added to each.
        start: number of the first row.

    Raises:
        ValueError: one is empty, or leads out of the place.
    """
    found = []
    for row, cell in enumerate(names, start=start + 1):
        name = posixpath.normpath(cell.strip().replace("\\", "/") + suffix)
        if not cell.strip() or name.startswith(("/", "../")):
            what = "is not below the folder of the images" if cell.strip() else "names no file"
            raise ValueError(f"row {row} {cell!r} {what}")
        found.append(name)
    return found


def read_pictures(
    place: Place, names: Sequence[str], pixels: Mapping[str, Any], start: int, broken: list[str] | None
) -> tuple[NDArray[np.uint8], list[bool]]:
    """Return the pixels (B, C, H, W) of the images that can be read, and which these are.

    Args:
        place: with the images.
        names: of some of them.
        pixels: of model.json: ``size``, ``channels`` and ``resize``.
        start: number of the first.
        broken: those that cannot be read are added to it; None = they are refused.

    Raises:
        ValueError: an image cannot be read; names it.
    """
    height, width = pixels["size"]
    found, readable = list[NDArray[np.uint8]](), list[bool]()
    with quiet():
        for row, name in enumerate(names, start=start + 1):
            try:
                found.append(pixels_of(place.read(name), pixels))
            except (DataError, *UNREADABLE) as problem:
                said = f"row {row}, {place.root / name}: {problem}"
                if broken is None:
                    raise ValueError(f"{said}; --skip-broken leaves such rows without a prediction") from problem
                broken.append(f"no prediction for {said}")
            readable.append(len(found) > sum(readable))
    return np.stack(found) if found else np.zeros((0, pixels["channels"], height, width), np.uint8), readable


def pixels_of(payload: bytes, pixels: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the pixels (C, H, W) of the bytes of an image file.

    Raises:
        DataError: they cannot be decoded.
    """
    return brought_to(decode(payload)[0], tuple(pixels["size"]), pixels["channels"], pixels["resize"])
