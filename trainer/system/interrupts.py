"""SIGTERM, SIGINT (Ctrl-C) and SIGUSR1: finish the step, save, exit with 128 + the signal's number.

Outside of training nothing has to be saved, and the signal ends the run where it is. While a fold trains the signal
is only noted; ``check`` stands where stopping loses nothing. SIGTERM ends the process within 30 seconds at the latest.
A second signal ends the process at once; one that follows within half a second is the same one, sent to the process and
to its group (as ``timeout`` and some launchers do). The end of a time that was set (``until``) is answered in the same
places as a signal.
"""

import atexit
import ctypes
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from trainer.errors import Interrupted, OutOfTime

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # USR1: Slurm's warning before the time limit

SAME_SECONDS = 0.5
END_SECONDS = 25.0  # to finish the step and save after SIGTERM: most launchers send SIGKILL after 30
LINGER_SECONDS = 30.0  # for threads of a user's after the run: long enough to write or send something
LAST_SECONDS = 3.0  # after them, for what is left: then the process ends wherever it is
BEGAN = time.monotonic()  # this process, but for what it imported first

clock = time.monotonic  # of the time that was set; a test sets another
_ends_at = math.inf  # by that clock
_received: int | None = None
_received_at = 0.0
_deferred = False
_wakeup = -1  # descriptor that is told of signals


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
        with _ends_in_time():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ends_in_time() -> Iterator[None]:
    """End the process some time after SIGTERM, whatever holds it: the main thread may wait for ever in C code.

    Python's handlers then have no turn, but the signal's number is written to a socket that another thread reads.
    """
    global _wakeup
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before, _wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False), theirs.fileno()
    watch = threading.Thread(target=_end_in_time, args=(ours,), name="foldwise-signals", daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        _wakeup = -1
        ours.shutdown(socket.SHUT_RD)  # ends the wait of the thread, though other processes hold the other end
        watch.join()
        ours.close()
        theirs.close()


def _end_in_time(numbers: socket.socket) -> None:
    """Wait for SIGTERM, and then for the end of the block, which shuts the socket down; else end the process."""
    until = None
    while until is None or time.monotonic() < until:
        numbers.settimeout(None if until is None else max(0.01, until - time.monotonic()))
        try:
            received = numbers.recv(64)
        except TimeoutError:
            break
        if not received:
            return
        if until is None and signal.SIGTERM in received:
            until = time.monotonic() + END_SECONDS + LAST_SECONDS
    os.write(2, b"SIGTERM: the step did not end in time; stopped, going on is from the checkpoint before it\n")
    os._exit(128 + signal.SIGTERM)


def _leave_wakeup() -> None:
    """Do not tell the process this one was forked from of the signals that this one gets."""
    if _wakeup >= 0:
        with suppress(ValueError):
            signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_leave_wakeup)


def end_soon(code: int, *, signal_seconds: float = LAST_SECONDS, seconds: float = LINGER_SECONDS) -> int:
    """Return an exit code, and see to it that the process ends, though a thread of a user's keeps it.

    Args:
        code: that of a signal leaves threads little time, any other enough to finish what they write.
        signal_seconds: for them after a signal.
        seconds: for them otherwise.
    """
    timer = threading.Timer(signal_seconds if code > 128 else seconds, _end_now, (code,))
    timer.daemon, timer.name = True, "foldwise-end"
    timer.start()
    known = hasattr(atexit, "_ncallbacks") and hasattr(atexit, "_run_exitfuncs")  # of CPython, undocumented
    if known and sys._getframe(1).f_back is None:  # a script hands the code to ``sys.exit``, and nothing is above it
        atexit.register(_leave, code, atexit._ncallbacks() + 1)
    return code


def _leave(code: int, n_registered: int) -> None:
    """End the process without taking apart what is imported: a fifth of a second, and nobody sees it.

    Called when Python has waited for threads: what else is to be done at the end, all registered before, is done here.
    """
    if atexit._ncallbacks() != n_registered:  # what came later has been called already, and would be once more
        return
    atexit.unregister(_leave)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # whoever read them has gone: Python says so
        return
    with suppress(OSError, TypeError):  # no C library of that kind
        ctypes.CDLL(None).fflush(None)
    os._exit(code)


def _end_now(code: int) -> None:
    if threading.main_thread().is_alive():  # it was called by a process that goes on
        return
    here = threading.current_thread()
    others = [one for one in threading.enumerate() if not one.daemon and one not in (here, threading.main_thread())]
    names = ", ".join(one.name for one in others)
    if names and code <= 128:
        os.write(2, f"ended, though threads of a plugin or library still live: {names}\n".encode())
    with suppress(OSError, ValueError):  # whoever read them has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


@contextmanager
def deferred() -> Iterator[None]:
    """Only note a signal for the length of the block; it is answered at ``check`` or after the block.

    Within another such block it stays noted until that one ends, too.
    """
    global _deferred
    before, _deferred = _deferred, True
    try:
        yield
    finally:
        _deferred = before
    check()


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Stop the block, where stopping loses nothing, when ``clock`` says that it is so late."""
    global _ends_at
    before, _ends_at = _ends_at, moment
    try:
        yield
    finally:
        _ends_at = before


def check() -> None:
    """Stop here if a signal has come, or the time is up.

    Raises:
        Interrupted: one has.
        OutOfTime: it is.
    """
    if _received is not None:
        raise Interrupted(_received)
    if clock() >= _ends_at:
        raise OutOfTime


def received() -> int | None:
    """Return the signal that has come, or None; the end of the time counts as SIGTERM."""
    return signal.SIGTERM if _received is None and clock() >= _ends_at else _received


def obey_parent() -> None:
    """Answer the signals as a process does that trains for another one.

    SIGTERM is the parent's word to save and end, however often it comes; the others go to every process of a terminal
    or a job, and are the parent's to answer.
    """
    global _received, _deferred, _ends_at
    _received, _deferred, _ends_at = None, False, math.inf  # when the time is up, the parent says so
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
