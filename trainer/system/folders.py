"""Files of a folder that others may have put things into: no link is followed, nothing but plain files opened.

Every folder between ``root`` and a file is opened relative to the one above it and may not be a link, so that what is
read, written or deleted lies in ``root`` whatever is changed meanwhile. ``root`` itself may be reached through links:
that is its owner's choice.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from trainer.errors import ForeignFileError, shown

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a fifo is opened without waiting for its other end
KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISREG, "a file"),
)


@contextmanager
def opened(folder: Path, root: Path) -> Iterator[int]:
    """Open ``folder``, which is ``root`` or below it, for the length of the block.

    Yields:
        A descriptor, for the ``dir_fd`` of ``os``.

    Raises:
        ForeignFileError: a folder below ``root`` is a link, or no folder.
        OSError: there is no such folder, or it may not be opened.
    """
    descriptor, here = os.open(root, FOLDER), root
    try:
        for name in folder.relative_to(root).parts:
            here = here / name
            require_kind(kind_at(name, descriptor), here, folder=True)
            inner = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def kind_at(name: str, dir_fd: int) -> int | None:
    """Return the mode of what bears a name in an opened folder, the link itself where it is one; None for nothing."""
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def require_kind(mode: int | None, path: Path, *, folder: bool = False) -> None:
    """Refuse what is not a plain file, or not a ``folder``; nothing at all is no fault.

    Raises:
        ForeignFileError: it is something else.
    """
    if mode is None or (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        return
    wanted = "a folder" if folder else "a file"
    found = next((words for test, words in KINDS if test(mode)), "a device")
    where = f" to {shown(str(path.readlink()))}" if stat.S_ISLNK(mode) and path.is_symlink() else ""
    raise ForeignFileError(
        f"{path} is {found}{where}, where Foldwise keeps {wanted} of its own: left as it is, and not followed\n"
        f"move it away; what belongs there has to be {wanted} itself"
    )


def is_there(path: Path, root: Path) -> bool:
    """Return whether there is a plain file.

    Raises:
        ForeignFileError: there is something else.
        OSError: it may not be looked at.
    """
    try:
        with opened(path.parent, root) as folder:
            mode = kind_at(path.name, folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    require_kind(mode, path)
    return mode is not None


@contextmanager
def opened_file(path: Path, root: Path) -> Iterator[BinaryIO]:
    """Open a plain file for reading; what is read stays the same when another file takes its name.

    Raises:
        ForeignFileError: it is no plain file, or lies behind a link.
        OSError: it is not there, or may not be read.
    """
    with opened(path.parent, root) as folder:
        require_kind(kind_at(path.name, folder), path)
        descriptor = os.open(path.name, PLAIN, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 it is open already
        require_kind(os.fstat(descriptor).st_mode, path)
        yield file


def read_file(path: Path, root: Path) -> bytes:
    """Return the content of a plain file; raises as ``opened_file``."""
    with opened_file(path, root) as file:
        return file.read()


def plain_files(folder: Path, root: Path) -> list[str]:
    """Return the names of the plain files in a folder, in order; none where it is absent.

    Raises:
        ForeignFileError: the folder is a link, or no folder.
        OSError: it may not be read.
    """
    try:
        with opened(folder, root) as descriptor, os.scandir(descriptor) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return []
