"""Files that are either whole or absent: write beside the target, flush to disk, rename."""

import errno
import os
import shutil
from pathlib import Path

from trainer.config.errors import StorageError


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a crash leaves the old file or the new one, never a part.

    Raises:
        StorageError: the disk is full or not writable; names the directory, the need and what is free.
    """
    partial = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise storage_error(error, path.parent, len(data)) from error


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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
    parent = next((path for path in (directory, *directory.parents) if path.exists()), Path("/"))
    free_mib = shutil.disk_usage(parent).free / 2**20
    why = reason.get(error.errno or 0, error.strerror or str(error))
    full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return StorageError(
        f"cannot write to {directory}: {why} (need {need_bytes / 2**20:.1f} MiB, free {free_mib:.0f} MiB)\n"
        f"{'free some space or ' if full else ''}choose another place (for runs: paths.runs=DIR)"
    )
