"""What Arrow reads is Arrow's own: none of Python's files or bytes are left to its threads.

Those let go of what they read a little later. Where it is Python's and Python has begun to end, as after a quick
refusal, the process aborts in place of giving its exit code.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def copied(payload: bytes) -> Any:
    """Return a ``pyarrow.BufferReader`` of a copy in Arrow's memory."""
    buffer = pa.allocate_buffer(len(payload))
    memoryview(buffer).cast("B")[:] = payload
    return pa.BufferReader(buffer)


def opened(file: Path) -> Any:
    """Return a ``pyarrow.OSFile`` to read; its name may be in any encoding.

    Raises:
        OSError: it cannot be opened.
    """
    name: Any = os.fsencode(file)  # taken as well as text, though not declared
    return pa.OSFile(name, "r")


Column = Any  # a pyarrow.ChunkedArray; pyarrow's own type stubs do not accept most of its compute calls


CHUNK_ROWS = 1 << 16  # Python objects at a time


def as_numpy(column: Column) -> NDArray[Any]:
    """Return an Arrow column as one NumPy array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False))


def as_words(column: Column) -> NDArray[np.str_]:
    """Return a text column without nulls as one NumPy array of text, without a Python object per row."""
    if not len(column):
        return np.empty(0, dtype=np.str_)
    lengths: Any = pc.utf8_length(column)
    words_N = np.empty(len(column), dtype=f"U{max(pc.max(lengths).as_py(), 1)}")
    for start in range(0, len(column), CHUNK_ROWS):
        chunk = as_numpy(column.slice(start, CHUNK_ROWS))
        words_N[start : start + len(chunk)] = chunk
    return words_N
