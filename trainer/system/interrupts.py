"""SIGTERM, SIGINT (Ctrl-C) and SIGUSR1: finish the step, save, exit with 128 + the signal's number.

Outside of training nothing has to be saved, and the signal ends the run where it is. While a fold trains the signal
is only noted; ``check`` stands where stopping loses nothing. A second signal ends the process at once; one that follows
within half a second is the same one, sent to the process and to its group (as ``timeout`` and some launchers do).
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from trainer.errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # USR1: Slurm's warning before the time limit

SAME_SECONDS = 0.5

_received: int | None = None
_received_at = 0.0
_deferred = False


@contextmanager
def handled() -> Iterator[None]:
    """Answer the signals for the length of the block (in the main thread; elsewhere they are left alone).

    A handler of somebody else's for SIGUSR1 (a launcher that requeues the job) stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _received
    _received = None
    taken = [number for number in SIGNALS if number != signal.SIGUSR1 or signal.getsignal(number) == signal.SIG_DFL]
    before = {number: signal.signal(number, _on_signal) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Only note a signal for the length of the block; it is answered at ``check`` or after the block."""
    global _deferred
    _deferred = True
    try:
        yield
    finally:
        _deferred = False
    check()


def check() -> None:
    """Stop here if a signal has come.

    Raises:
        Interrupted: one has.
    """
    if _received is not None:
        raise Interrupted(_received)


def received() -> int | None:
    """Return the signal that has come, or None."""
    return _received


def obey_parent() -> None:
    """Answer the signals as a process does that trains for another one.

    SIGTERM is the parent's word to save and end, however often it comes; the others go to every process of a terminal
    or a job, and are the parent's to answer.
    """
    global _received, _deferred
    _received, _deferred = None, False
    for number in SIGNALS:
        signal.signal(number, _on_parents_word if number == signal.SIGTERM else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _on_parents_word(number: int, frame: FrameType | None) -> None:
    global _received
    first, _received = _received is None, number
    if first and not _deferred:
        raise Interrupted(number)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _received, _received_at
    if _received is not None:
        if time.monotonic() - _received_at < SAME_SECONDS:
            return
        os._exit(128 + number)
    _received, _received_at = number, time.monotonic()
    if not _deferred:
        raise Interrupted(number)
    os.write(2, f"\n{signal.Signals(number).name}: finishing the step and saving (again: stop at once)\n".encode())
