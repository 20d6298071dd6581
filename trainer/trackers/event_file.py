"""Files that TensorBoard reads, a record per event, written where the event happens.

A call is one write, so that what was told before a process was killed is in the file, and no thread is alive where
folds are forked. Torch's writer would keep it for two minutes in a thread, and its import is twice as dear.
"""

import itertools
import os
import re
import socket
import struct
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from trainer.system.files import make_directory
from trainer.system.folders import opened, plain_files

FORMAT = "brain.Event:2"
_NAME = re.compile(r"events\.out\.tfevents\.(\d+)\.")
_numbers = itertools.count()  # of this process: two files of one second


class EventFile:
    """A new event file beside those that are there, which comes after them in TensorBoard's order.

    Args:
        folder: of the curves.
        root: that folder or one above; no link between them is followed.
        purge_step: what earlier files say of this step and of later ones is dropped by TensorBoard; None = nothing is.

    Raises:
        OSError: it cannot be written.
        ForeignFileError: the folder is a link.
    """

    def __init__(self, folder: Path, root: Path, purge_step: int | None = None) -> None:
        make_directory(folder, root)
        second, host = _next_second(folder, root), socket.gethostname()
        name = f"events.out.tfevents.{second:010d}.{host}.{os.getpid()}.{next(_numbers)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
        with opened(folder, root) as descriptor:
            self._file: int | None = os.open(name, flags, 0o666, dir_fd=descriptor)
        self._write(file_version=FORMAT)
        if purge_step is not None:
            self._write(step=purge_step, session_log=SessionLog(status=SessionLog.START))

    def add(self, summary: Any, step: int) -> None:
        """Write what happened at a step, a protobuf ``Summary``; returns when the system has it."""
        self._write(step=step, summary=summary)

    def close(self) -> None:
        """Close the file; again is fine."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _write(self, **facts: Any) -> None:
        assert self._file is not None
        rest = memoryview(record(Event(wall_time=time.time(), **facts).SerializeToString()))
        while rest:
            rest = rest[os.write(self._file, rest) :]


def _next_second(folder: Path, root: Path) -> int:
    """Return the time, or one after the newest file: TensorBoard sorts by it, and clocks of machines differ."""
    written = [int(match[1]) for name in plain_files(folder, root) if (match := _NAME.match(name))]
    return max(int(time.time()), *(second + 1 for second in written), 0)


def record(data: bytes) -> bytes:
    """Return data framed as TensorFlow does: length, its checksum, data, its checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", _masked(length)), data, struct.pack("<I", _masked(data))))


def _masked(data: bytes) -> int:
    checksum = crc32c(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of data (RFC 3720, appendix B.4).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _of_byte(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


_TABLE = tuple(map(_of_byte, range(256)))
