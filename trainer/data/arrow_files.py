"""What Arrow reads is Arrow's own: none of Python's files or bytes are left to its threads.

Those let go of what they read a little later. Where it is Python's and Python has begun to end, as after a quick
refusal, the process aborts in place of giving its exit code.
"""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa


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
