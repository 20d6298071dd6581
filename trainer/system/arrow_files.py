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

from trainer.system.mapped_arrays import filled


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


def as_numpy(column: Column) -> NDArray[Any]:
    """Return an Arrow column as one NumPy array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False))


def as_words(column: Column, scratch: Path | None = None) -> NDArray[np.str_]:
    """Return a text column without nulls as one NumPy array of text, without a Python object per row.

    Args:
        column: of text.
        scratch: folder of the file that the array is mapped from; None = it is in memory.
    """
    if not len(column):
        return np.empty(0, dtype=np.str_)
    lengths: Any = pc.utf8_length(column)

    def fill(start: int, out_B: NDArray[np.str_]) -> None:
        out_B[:] = as_numpy(column.slice(start, len(out_B)))

    return filled((len(column),), f"U{max(pc.max(lengths).as_py(), 1)}", fill, scratch)
