"""Zip files that are read in place: nothing is unpacked to disk, and what could do harm is refused."""

import re
import stat
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from os import getpid
from pathlib import Path, PurePosixPath
from typing import IO

from trainer.data.readers.archive_names import KNOWN, decoded_names, encoding_note, raw_name
from trainer.data.readers.content import packed_content
from trainer.errors import DataError, shown

MOST_MEMBERS = 5_000_000
LARGEST_MEMBER = 2**30  # bytes, unpacked
LARGEST_RATIO = 200  # unpacked to packed bytes, of a member or of all together
SMALL = 2**24  # bytes: below this no ratio is suspicious
ENCRYPTED = 0x1
SYSTEM_FILES = ("thumbs.db", "desktop.ini", "__macosx")  # and all that begin with a dot
LEADS_OUT = "leads out of the archive (zip slip): such an archive is not read; pack it again with plain names"
IS_LINK = "is a link: pack the files themselves"
IS_TWICE = "is there twice: pack it again with one of the two"
UNSAFE_NAME = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\x00")


class Archive:
    """An open zip file; its members may be read from several threads.

    Args:
        path: of the file.
        encoding: of the names that do not say theirs; None = guess.
        largest_bytes: that a member may have, unpacked.

    Attributes:
        members: by name, in the order of the archive, without folders.
        folders: names of the folders it lists, without the last slash.
        notes: on a guess.

    Raises:
        DataError: not a zip file, or one that is not safe to read.
    """

    def __init__(self, path: str, encoding: str | None = None, largest_bytes: int = LARGEST_MEMBER) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as problem:
            raise DataError(f"{path}: {_no_zip(path, str(problem))}") from problem
        infos = self._zip.infolist()
        names, used = decoded_names(infos, encoding)
        named = list(zip(names, infos, strict=True))
        try:
            _refuse_unsafe(path, named, largest_bytes)
        except DataError:
            self._zip.close()
            raise
        self.members = {name: info for name, info in named if not info.is_dir()}
        self.notes = encoding_note(names, used, encoding is None, path)
        self._by_bytes = {raw_name(info): info for info in self.members.values()} if used else {}
        self.folders = [name.rstrip("/") for name, info in named if info.is_dir()]

    def read(self, name: str) -> bytes:
        """Return the bytes of a member, by its name in whatever encoding that was read.

        Raises:
            KeyError: there is no such member.
            zipfile.BadZipFile: it is damaged (zlib.error and EOFError likewise).
        """
        return self._zip.read(self.members.get(name) or self._in_another_encoding(name))

    def open(self, name: str) -> IO[bytes]:
        """Return a member, one of ``members``, to be read by one thread."""
        return self._zip.open(self.members[name])

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *raised: object) -> None:
        self._zip.close()

    def _in_another_encoding(self, name: str) -> zipfile.ZipInfo:
        for codec in KNOWN:
            raw = name.encode(codec, "ignore")
            found = self._by_bytes.get(raw)
            if found is not None and raw.decode(codec) == name:
                return found
        raise KeyError(name)


def _no_zip(path: str, problem: str) -> str:
    content = packed_content(Path(path), "a zip file") if Path(path).is_file() else ""
    return f"this is {content}" if content else f"not a readable zip file ({shown(problem)}): copy or pack it again"


def open_archive(path: str, encoding: str | None = None) -> Archive:
    """Return the archive at ``path``, opened once per process: forked processes do not share a file position."""
    return _opened(path, encoding, getpid(), Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: str, encoding: str | None, pid: int, changed_ns: int) -> Archive:
    return Archive(path, encoding)


def is_system_file(name: str) -> bool:
    """Return whether an operating system, not a person, put this file there (``.DS_Store``, ``__MACOSX/``)."""
    return any(part.startswith(".") or part.lower() in SYSTEM_FILES for part in PurePosixPath(name).parts)


def _refuse_unsafe(path: str, named: Sequence[tuple[str, zipfile.ZipInfo]], largest_bytes: int) -> None:
    if len(named) > MOST_MEMBERS:
        raise DataError(f"{path}: {len(named):,} files in one zip, more than {MOST_MEMBERS:,}: unpack it")
    seen: set[str] = set()
    for name, info in named:
        problem = IS_TWICE if name in seen else _problem_of(name, info, largest_bytes)
        if problem:
            raise DataError(f"{path}: '{shown(name)}' in it {problem}")
        if not info.is_dir():
            seen.add(name)
    packed, unpacked = (sum(getattr(info, size) for _, info in named) for size in ("compress_size", "file_size"))
    size = Path(path).stat().st_size
    if unpacked > max(SMALL, LARGEST_RATIO * packed) or packed > size:  # more packed than there is: members overlap
        raise DataError(
            f"{path}: {unpacked:,} bytes packed into {size:,}: this looks like a zip bomb and is not read\n"
            "if the files are what you want, unpack it and give the directory"
        )


def _problem_of(name: str, info: zipfile.ZipInfo, largest_bytes: int) -> str:
    if UNSAFE_NAME.search(name):
        return LEADS_OUT
    if stat.S_ISLNK(info.external_attr >> 16):
        return IS_LINK
    if info.flag_bits & ENCRYPTED:
        return "is encrypted: unpack it with its password and give what was in it"
    if info.file_size > largest_bytes:
        return f"is {info.file_size:,} bytes unpacked, more than {largest_bytes:,}: no such file is that large"
    if info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
        sizes = f"{info.file_size:,} bytes packed into {info.compress_size:,}"
        return f"is {sizes}: this looks like a zip bomb and is not read"
    return ""
