"""Arrays that lie on the disk and are mapped into memory: the kernel holds of them what there is room for.

Their files have no name, so that nothing is left of them when the process ends, however it ends.
"""

import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trainer.errors import StorageError
from trainer.system.files import make_directory, storage_error

CHUNK_ROWS = 1 << 16  # filled in at a time
MANY_ROWS = 1_000_000  # of more, what can wait on the disk does, and row numbers take half the room
Fill = Callable[[int, NDArray[Any]], None]  # (number of the first row, rows to fill in)
MAPPED = weakref.WeakSet[mmap.mmap]()


def give_way() -> None:
    """Let go of the mapped pages that are not in use: they stay in the kernel's cache while nobody needs the room.

    As long as they are mapped, whoever watches a job's resident memory counts them as its own.
    """
    for mapped in list(MAPPED):
        mapped.madvise(mmap.MADV_DONTNEED)


def row_number_type(n_rows: int) -> type[np.integer[Any]]:
    """Return the type that numbers of rows are held in where an array of them is kept."""
    return np.int32 if MANY_ROWS < n_rows <= np.iinfo(np.int32).max else np.int64


def filled(shape: Sequence[int], dtype: DTypeLike, fill: Fill, directory: Path | None) -> NDArray[Any]:
    """Return an array that is filled in some rows at a time, in memory or mapped from a file in ``directory``.

    Raises:
        StorageError: the disk is full.
    """
    n_rows = shape[0]
    if directory is None:
        array = np.empty(shape, dtype)
        for start in range(0, n_rows, CHUNK_ROWS):
            fill(start, array[start : start + CHUNK_ROWS])
        return array
    file = ArrayFile(directory)
    for start in range(0, n_rows, CHUNK_ROWS):
        chunk = np.empty((min(CHUNK_ROWS, n_rows - start), *shape[1:]), dtype)
        fill(start, chunk)
        file.append(chunk)
    return file.array(shape, dtype)


class ArrayFile:
    """A file without a name that arrays are appended to.

    Appending writes to the file, so a full disk is an error here; in a mapped page it would be a signal that kills.

    Args:
        directory: on the disk that is to hold it.
    """

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        self._directory = directory
        self._bytes = 0
        try:
            self._descriptor, name = tempfile.mkstemp(dir=directory, prefix="arrays-")
            Path(name).unlink()
        except OSError as error:
            raise storage_error(error, directory, 0, "arrays that do not fit in memory") from error
        weakref.finalize(self, os.close, self._descriptor)

    def append(self, values: NDArray[Any]) -> None:
        """Write an array behind the others.

        Raises:
            StorageError: the disk is full; names what would help.
        """
        rest = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        self._bytes += len(rest)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise StorageError(
                f"{self._directory}: {error.strerror} after {self._bytes / 2**30:.1f} GiB of arrays that do not fit in "
                "memory: set paths.cache to a disk with more room"
            ) from error

    def array(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """Return all that was appended as one array of this shape, row after row."""
        if not self._bytes:
            return np.empty(shape, dtype)
        mapped = mmap.mmap(self._descriptor, self._bytes)  # shared: it is no memory of this process alone
        MAPPED.add(mapped)
        return np.frombuffer(mapped, dtype).reshape(shape)
