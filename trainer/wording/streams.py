"""Standard output and error, which may be full, closed, or read by nobody any more: that ends no work.

What cannot be printed is lost, and the process says so when it ends. So it is with whatever prints: rich, Hydra, typer,
a user's own code.
"""

import io
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

lost: OSError | None = None  # what standard output answered when it took no more; None while it takes all


class Output(io.FileIO):
    """A descriptor that takes whatever is written: once it refuses, the rest goes nowhere."""

    def write(self, data: object) -> int:
        """Write all of some bytes, or lose them."""
        rest = memoryview(data)  # type: ignore[arg-type] # bytes or another buffer
        n_bytes = rest.nbytes
        try:
            while rest:
                written = super().write(rest)
                rest = rest[written or 0 :]
                if written is None:  # it does not block, and is full for now
                    select.select([], [self.fileno()], [])
        except OSError as error:
            _lose(error, self.fileno())
        return n_bytes


def _lose(error: OSError, descriptor: int) -> None:
    global lost
    if descriptor == 1 and lost is None:
        lost = error
    _send_nowhere(descriptor)


def _send_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:  # it is, where the descriptor was closed and is the lowest that is free
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)


def print_nowhere() -> None:
    """Let what is printed from now on be lost: whoever read the output (head, less) has gone."""
    _send_nowhere(sys.stdout.fileno())


def let_output_be_lost() -> None:
    """Let nothing be raised by printing, in a process of our own: where others hold its streams they stay theirs."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):  # of one that was closed: no file that is opened next may get what is printed
            os.fstat(descriptor)
            continue
        _send_nowhere(descriptor)
    if _is_own(sys.stdout, sys.__stdout__, 1):
        sys.stdout = _renewed(sys.stdout)
    if _is_own(sys.stderr, sys.__stderr__, 2):
        sys.stderr = _renewed(sys.stderr)


def _is_own(stream: TextIO | None, first: TextIO | None, descriptor: int) -> bool:
    return stream is not None and stream is first and stream.fileno() == descriptor


def _renewed(stream: TextIO) -> TextIO:
    assert isinstance(stream, io.TextIOWrapper)
    with suppress(OSError):
        stream.flush()
    raw = Output(stream.fileno(), "w", closefd=False)
    binary = raw if isinstance(stream.buffer, io.RawIOBase) else io.BufferedWriter(raw)  # python -u
    return io.TextIOWrapper(
        binary,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def lost_output() -> OSError | None:
    """Return why some of what was printed is lost; None where all has been taken, or whoever read it has gone."""
    if sys.stdout is not None:
        sys.stdout.flush()
    return None if isinstance(lost, BrokenPipeError) else lost
