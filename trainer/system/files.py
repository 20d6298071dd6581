"""Files that are either whole or absent: write next to the target, flush to disk, rename.

Small records carry the sha256 of their own values, so that a changed bit is noticed when they are read.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError, StorageError
from trainer.system.folders import kind_at, opened, plain_files, read_file, require_kind
from trainer.wording.translations import _

PARTIAL = ".tmp."  # in the name of a file that is being written
PARTIAL_NAME = re.compile(r"(.+)\.tmp\.\d+-[0-9a-f]{6}")  # the file's own name, the process, a random number
STALE_SECONDS = 60.0  # a partial file in a shared directory that is older belongs to nobody


Content = bytes | memoryview | Callable[[Callable[[bytes | memoryview], None]], None]


def write_bytes(
    path: Path,
    data: Content,
    *,
    root: Path | None = None,
    what: str = "",
    may_replace: Callable[[], None] | None = None,
) -> None:
    """Write ``data`` to ``path`` so that a crash leaves the old file or the new one, never a part.

    Args:
        path: of the file.
        data: its content, or what writes it part after part.
        root: no link between it and the file is followed, and nothing but a plain file replaced (see
            ``trainer.system.folders``); None = wherever the path leads.
        what: is written, for the message: ``checkpoint``.
        may_replace: is called when all is on the disk but the name; the file is not replaced where it raises.

    Raises:
        StorageError: the disk is full or not writable; names the file, the need and what is free.
        ForeignFileError: something else than a plain file stands there, or a link on the way.
    """
    partial = f"{path.name}{PARTIAL}{os.getpid()}-{secrets.token_hex(3)}"  # pids repeat in containers
    try:
        with opened(path.parent, root or path.parent) as folder:
            if root is not None:
                require_kind(kind_at(path.name, folder), path)
            _write_and_replace(folder, partial, path, data, may_replace)
    except OSError as error:
        raise storage_error(error, path, _length(data), what) from error


def _write_and_replace(
    folder: int, partial: str, path: Path, data: Content, may_replace: Callable[[], None] | None
) -> None:
    """Every step is one call of os: the tests stop at each."""
    try:
        _require_free(path.parent, _length(data))
        _write_and_sync(folder, partial, data)
        if may_replace is not None:
            may_replace()
        os.replace(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except BaseException:
        with suppress(OSError):  # a name that is too long: there is nothing to delete
            os.unlink(partial, dir_fd=folder)
        raise


def _length(data: Content) -> int:
    return 0 if callable(data) else len(data)


def _write_and_sync(folder: int, name: str, data: Content) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)

    def write(part: bytes | memoryview) -> None:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    try:
        data(write) if callable(data) else write(data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_free(directory: Path, need_bytes: int) -> None:
    if need_bytes > shutil.disk_usage(directory).free:
        raise OSError(errno.ENOSPC, "disk full")


def remove(path: Path, root: Path) -> None:
    """Delete a plain file below ``root``; it may be gone already.

    Raises:
        StorageError: it cannot be deleted.
        ForeignFileError: it is no plain file, or lies behind a link.
    """
    try:
        with opened(path.parent, root) as folder:
            require_kind(kind_at(path.name, folder), path)
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path, 0) from error


def sweep_partial(
    directory: Path, root: Path, is_own: Callable[[str], bool], older_than_seconds: float = STALE_SECONDS
) -> None:
    """Delete what killed processes left half written of the files whose names ``is_own`` knows."""
    for name in plain_files(directory, root):
        match = PARTIAL_NAME.fullmatch(name)
        if match is None or not is_own(match[1]):
            continue
        try:
            with opened(directory, root) as folder:
                touched = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue
        if time.time() - touched >= older_than_seconds:
            remove(directory / name, root)


def sealed(values: Mapping[str, Any], indent: int | None = 2) -> bytes:
    """Return a record as JSON with the sha256 of its values; without ``indent`` on one line, for long lists."""
    return (json.dumps({**values, "seal": _seal(values)}, indent=indent, ensure_ascii=False) + "\n").encode()


def unsealed(path: Path, root: Path | None = None) -> dict[str, Any]:
    """Read a sealed record; ``root`` as in ``write_bytes``.

    Raises:
        CheckpointError: it is not the record that was written.
    """
    try:
        values = json.loads(path.read_bytes() if root is None else read_file(path, root))
        seal = values.pop("seal")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {type(error).__name__}") from error
    if seal != _seal(values):
        raise CheckpointError(f"{path} is damaged: it was changed after it was written")
    return dict(values)


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@contextmanager
def directory_lock(directory: Path, root: Path) -> Iterator[None]:
    """Let one process at a time into a short block; where the file system has no locks, everyone.

    One that stands still in its block keeps the others out for a minute, not for ever.
    """
    with opened(directory, root) as descriptor:
        until = time.monotonic() + STALE_SECONDS
        while _is_held(descriptor) and time.monotonic() < until:
            time.sleep(0.02)
        yield


def _is_held(descriptor: int) -> bool:
    """Take a lock, or return whether another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # ENOLCK, ENOTSUP: some network file systems
        return False
    return False


def make_directory(directory: Path, root: Path | None = None) -> None:
    """Create ``directory`` and its parents; existing is fine.

    Args:
        directory: to be there.
        root: nothing between it and the directory may be a link; None = wherever the path leads.

    Raises:
        StorageError: it cannot be created.
        ForeignFileError: a link, or something else than a folder, stands there.
    """
    try:
        (root or directory).mkdir(parents=True, exist_ok=True)
        here = root or directory
        for name in directory.relative_to(here).parts:
            with opened(here, root or here) as folder, suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
            here = here / name
        if root is not None:
            with opened(directory, root):  # what was there already is a folder
                return
    except OSError as error:
        raise storage_error(error, directory.parent, 0) from error


def claim_directory(directory: Path) -> Path:
    """Create a directory nobody else has: ``directory`` itself, or with -2, -3, ... behind its name.

    Raises:
        StorageError: it cannot be created.
    """
    make_directory(directory.parent)
    number = 1
    while True:
        wanted = directory if number == 1 else directory.with_name(f"{directory.name}-{number}")
        try:
            wanted.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise storage_error(error, wanted.parent, 0) from error
        else:
            return wanted


def storage_error(error: OSError, path: Path, need_bytes: int, what: str = "") -> StorageError:
    """Name the file or folder, what was to be written, what was needed and what is free."""
    reason = {
        errno.ENOSPC: _("disk full"),
        errno.EFBIG: _("file size limit"),
        errno.EROFS: _("read-only file system"),
        errno.EDQUOT: _("Disk quota exceeded"),
        errno.EACCES: _("Permission denied"),
        errno.EPERM: _("Operation not permitted"),
        errno.EIO: _("Input/output error"),
    }
    parent = next((folder for folder in (path, *path.parents) if _is_there(folder)), Path("/"))
    if error.errno == errno.ENOENT and not _is_there(path.parent):
        missing = _("cannot write to {path}: there is no directory {folder}: make it first")
        return StorageError(missing.format(path=_shortened(str(path)), folder=_shortened(str(path.parent))))
    why = reason.get(error.errno or 0, error.strerror or str(error))
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    named, plain = _("cannot write the {what} to {path}: {why}"), _("cannot write to {path}: {why}")
    said = (named if what else plain).format(what=_(what) if what else "", path=_shortened(str(path)), why=why)
    freeing = _("free some space or choose another place (for runs: paths.runs=DIR)")
    advice = freeing if full else _("choose another place (for runs: paths.runs=DIR)")
    if not full:
        return StorageError(f"{said}\n{advice}")
    room = {"need": f"{need_bytes / 2**20:.1f}", "free": f"{shutil.disk_usage(parent).free / 2**20:.0f}"}
    needed = _(" (need {need} MiB, free {free} MiB)").format(**room)
    return StorageError(f"{said}{needed}\n{advice}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _shortened(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 3 :]}"
