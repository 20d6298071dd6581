"""Arrays that are made once and kept in a directory: memory-mapped, whole or absent, shared by all jobs."""

import hashlib
import io
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError, StorageError
from trainer.system.files import PARTIAL, PARTIAL_NAME, make_directory, sealed, unsealed, write_bytes

RECORD = "record.json"
STALE_SECONDS = 3600.0  # a partial directory that is older belongs to nobody
Arrays = Mapping[str, NDArray[Any]]


def kept_arrays(directory: Path | None, make: Callable[[], Arrays], *, what: str = "tokens") -> tuple[Arrays, str]:
    """Open the arrays of a directory, or make and keep them; return them and a note for a person.

    Several jobs may do so at once: each writes next to the directory and the first one's files stay.
    Arrays are opened as private memory maps: what is written to them is never written to the files.

    Args:
        directory: named by what the arrays are made from; None = keep nothing.
        make: makes the arrays, by name; none of them is empty.
        what: they are called in the note.
    """
    if directory is None:
        return make(), ""
    try:
        return _opened(directory), f"{what} read from {directory}"
    except CheckpointError:
        why = " (they were damaged and are made again)" if directory.exists() else ""
    arrays = make()
    try:
        _write(directory, arrays)
        return _opened(directory), f"{what} kept in {directory}{why}"
    except (StorageError, CheckpointError, OSError) as error:
        return arrays, f"{what} held in memory: {str(error).splitlines()[0]}"


def _opened(directory: Path) -> dict[str, NDArray[Any]]:
    """Map the arrays into memory.

    Raises:
        CheckpointError: they are not there, or not as they were written.
    """
    record = unsealed(directory / RECORD)
    arrays: dict[str, NDArray[Any]] = {}
    for name, sha256 in record["sha256"].items():
        try:
            with (directory / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise CheckpointError(f"{directory / name} is damaged: it was changed after it was written")
            arrays[name.removesuffix(".npy")] = np.load(directory / name, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{directory / name} is damaged: {type(error).__name__}") from error
    return arrays


def _write(directory: Path, arrays: Arrays) -> None:
    make_directory(directory.parent)
    _sweep(directory.parent)
    partial = _beside(directory)
    try:
        make_directory(partial)
        hashes = {}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            hashes[f"{name}.npy"] = hashlib.sha256(buffer.getbuffer()).hexdigest()
            write_bytes(partial / f"{name}.npy", buffer.getbuffer())
        write_bytes(partial / RECORD, sealed({"sha256": hashes}))
        _put(partial, directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put(partial: Path, directory: Path) -> None:
    """Move a whole directory to its place; what another job put there stays, what is damaged goes."""
    for _ in range(10):
        try:
            partial.replace(directory)
            return
        except OSError:
            if not directory.exists():
                raise
        with suppress(CheckpointError):
            _opened(directory)
            return
        old = _beside(directory)
        try:
            directory.replace(old)
        except FileNotFoundError:  # another job was faster
            continue
        shutil.rmtree(old, ignore_errors=True)
    raise StorageError(f"cannot write to {directory}: other jobs write it at the same time")


def _beside(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}{PARTIAL}{os.getpid()}-{secrets.token_hex(3)}")


def _sweep(directory: Path) -> None:
    """Delete what killed jobs left half written."""
    for partial in filter(lambda path: PARTIAL_NAME.fullmatch(path.name), directory.iterdir()):
        try:
            stale = time.time() - partial.stat().st_mtime >= STALE_SECONDS
        except FileNotFoundError:
            continue
        if stale:
            shutil.rmtree(partial, ignore_errors=True)
