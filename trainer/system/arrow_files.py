"""What Arrow reads is Arrow's own: none of Python's files or bytes are left to its threads.

Those let go of what they read a little later. Where it is Python's and Python has begun to end, as after a quick
refusal, the process aborts in place of giving its exit code.
"""

import os
from collections.abc import Mapping
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


FEW_WORDS = 10_000  # that are gone through one by one


def read_parquet(source: Any) -> pa.Table:
    """Return all columns of a Parquet file, as ``pyarrow.parquet.read_table`` does, without what it imports besides."""
    from pyarrow.parquet import ParquetFile

    return ParquetFile(source).read()


def as_column(values_N: NDArray[Any]) -> Any:
    """Return an array of numbers, or of text, as an Arrow column: what ``pyarrow.array`` makes of it.

    That, and ``to_numpy``, import pandas, where it is installed: a tenth of a second.
    """
    buffer: Any = pa.py_buffer  # which takes arrays, too, though not declared
    if values_N.dtype.kind == "U" and len(values_N) <= FEW_WORDS:
        words = [word.encode() for word in values_N.tolist()]
        ends = np.cumsum([0, *map(len, words)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(words), buffer(ends), buffer(b"".join(words)))
    if values_N.dtype.kind not in "if":
        return pa.array(values_N)
    kept_N = np.ascontiguousarray(values_N)
    return pa.Array.from_buffers(pa.from_numpy_dtype(kept_N.dtype), len(kept_N), [None, buffer(kept_N)])


def as_table(columns: Mapping[str, Any]) -> pa.Table:
    """Return arrays of numbers, or of text, as an Arrow table: what ``pyarrow.table`` makes of them."""
    return pa.Table.from_arrays([as_column(np.asarray(values)) for values in columns.values()], names=list(columns))


def release() -> None:
    """Give back to the system what Arrow still keeps of columns that nobody needs any more: of many rows it is much."""
    pa.default_memory_pool().release_unused()


Column = Any  # a pyarrow.ChunkedArray; pyarrow's own type stubs do not accept most of its compute calls


def as_numpy(column: Column) -> NDArray[Any]:
    """Return an Arrow column as one NumPy array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not column.null_count and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return np.from_dlpack(column)
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
        words = column.slice(start, len(out_B))
        out_B[:] = words.to_pylist() if len(words) <= FEW_WORDS else as_numpy(words)

    return filled((len(column),), f"U{max(pc.max(lengths).as_py(), 1)}", fill, scratch)
