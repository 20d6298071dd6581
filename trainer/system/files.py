"""Files that are either whole or absent: write beside the target, flush to disk, rename.

Small records carry the sha256 of their own values, so that a changed bit is noticed when they are read.
"""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError, StorageError

PARTIAL = ".tmp."  # in the name of a file that is being written
STALE_SECONDS = 60.0  # a partial file in a shared directory that is older belongs to nobody


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write ``data`` to ``path`` so that a crash leaves the old file or the new one, never a part.

    Raises:
        StorageError: the disk is full or not writable; names the directory, the need and what is free.
    """
    partial = path.with_name(f"{path.name}{PARTIAL}{os.getpid()}-{secrets.token_hex(3)}")  # pids repeat in containers
    try:
        _require_free(path.parent, len(data))
        _write_and_sync(partial, data)
        os.replace(partial, path)  # noqa: PTH105 every step of the store is one call of os: the tests stop at each
        sync_directory(path.parent)
    except BaseException as error:
        with suppress(OSError):  # no directory, or a name that is too long: there is nothing to delete
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(error, path.parent, len(data)) from error
        raise


def _write_and_sync(path: Path, data: bytes | memoryview) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_free(directory: Path, need_bytes: int) -> None:
    if need_bytes > shutil.disk_usage(directory).free:
        raise OSError(errno.ENOSPC, "disk full")


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file; it may be gone already."""
    try:
        os.unlink(path)  # noqa: PTH108 see write_bytes
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path.parent, 0) from error


def sweep_partial(directory: Path, older_than_seconds: float = STALE_SECONDS) -> None:
    """Delete what killed processes left half written."""
    for partial in directory.glob(f"*{PARTIAL}*"):
        try:
            stale = time.time() - partial.stat().st_mtime >= older_than_seconds
        except FileNotFoundError:
            continue
        if stale:
            remove(partial)


def sealed(values: Mapping[str, Any]) -> bytes:
    """Return a record as JSON with the sha256 of its values."""
    return (json.dumps({**values, "seal": _seal(values)}, indent=2, ensure_ascii=False) + "\n").encode()


def unsealed(path: Path) -> dict[str, Any]:
    """Read a sealed record.

    Raises:
        CheckpointError: it is not the record that was written.
    """
    try:
        values = json.loads(path.read_bytes())
        seal = values.pop("seal")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {type(error).__name__}") from error
    if seal != _seal(values):
        raise CheckpointError(f"{path} is damaged: it was changed after it was written")
    return dict(values)


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Let one process at a time into a short block; where the file system has no locks, everyone."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # ENOLCK, ENOTSUP: some network file systems
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Create ``directory`` and its parents; existing is fine.

    Raises:
        StorageError: it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
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


def storage_error(error: OSError, directory: Path, need_bytes: int) -> StorageError:
    """Name the directory, what was needed and what is free."""
    reason = {errno.ENOSPC: "disk full", errno.EFBIG: "file size limit", errno.EROFS: "read-only file system"}
    parent = next((path for path in (directory, *directory.parents) if _is_there(path)), Path("/"))
    free_mib = shutil.disk_usage(parent).free / 2**20
    why = reason.get(error.errno or 0, error.strerror or str(error))
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    room = f"need {need_bytes / 2**20:.1f} MiB, free {free_mib:.0f} MiB"
    return StorageError(
        f"cannot write to {_shortened(str(directory))}: {why} ({room})\n"
        f"{'free some space or ' if full else ''}choose another place (for runs: paths.runs=DIR)"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _shortened(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 3 :]}"
