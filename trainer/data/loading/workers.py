"""Worker processes that read batches ahead: started, watched and always ended.

torch's DataLoader moves the batches. Around it, a thread looks at the workers while a batch is waited for: it knows
which row each of them reads, so a death or a hang becomes an error that names the row.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from ctypes import CDLL
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from time import monotonic
from traceback import format_exception
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from trainer.errors import DataError, shown

RowNumbers = NDArray[np.int64]
Inputs = dict[str, Tensor]
ReadBatch = Callable[[RowNumbers, Callable[[int], None]], Inputs]  # (rows_B, called with each row before it is read)

NO_ROW = -1
MOST_CHARACTERS = 300  # of torch's words in a message
LOOK_SECONDS = 0.2
POLL_SECONDS = 0.5  # the DataLoader gives the word back this often while a batch is waited for
CLOSE_SECONDS = 2.0  # for idle workers to end by themselves
IGNORED = (signal.SIGINT, signal.SIGUSR1)  # both go to the whole process group, and are the main process's to answer
PR_SET_PDEATHSIG = 1  # of Linux's prctl


def read_in_workers(
    read: ReadBatch,
    order: Sequence[RowNumbers],
    *,
    num_workers: int,
    timeout_seconds: float,
    seed: int,
    named: Callable[[Sequence[int]], str],
) -> Generator[Inputs, None, None]:
    """Yield the batches of ``order`` in order, each read as a whole by one of the workers.

    Args:
        read: a batch; goes to the workers (picklable where processes are not forked).
        order: row numbers per batch.
        num_workers: processes.
        timeout_seconds: longest wait for one batch.
        seed: of the workers' global random generators.
        named: row numbers in words, for errors.

    Raises:
        DataError: a row cannot be read, or its worker died or hangs.
    """
    workers = Workers(read, order, num_workers, timeout_seconds=timeout_seconds, seed=seed, named=named)
    try:
        for rows_B in order:
            yield workers.batch(rows_B)
    finally:
        workers.close()


class AtHand:
    """What each worker does, in memory shared with the main process.

    Attributes:
        pids: of the workers, by worker number.
        rows: the row each is reading, or ``NO_ROW``.
    """

    def __init__(self, num_workers: int) -> None:
        self.pids = RawArray("q", num_workers)
        self.rows = RawArray("q", [NO_ROW] * num_workers)

    def row_of(self, pid: int | None) -> int:
        """Return the row that process ``pid`` reads, or ``NO_ROW``."""
        return next((row for own, row in zip(self.pids, self.rows, strict=True) if own == pid), NO_ROW)


class InWorker(Dataset[Inputs | DataError]):
    """What the DataLoader calls in a worker: an error comes back as a value, so that only the loader's own raise.

    Args:
        read: a batch.
        at_hand: told which row is read.
    """

    def __init__(self, read: ReadBatch, at_hand: AtHand) -> None:
        self.read, self.at_hand = read, at_hand

    def __getitem__(self, rows_B: RowNumbers) -> Inputs | DataError:
        info = get_worker_info()
        assert info is not None
        try:
            return self.read(rows_B, partial(self.at_hand.rows.__setitem__, info.id))
        except DataError as error:
            error.add_note("".join(format_exception(error.__cause__ or error)))  # the cause itself cannot travel
            return error
        finally:
            self.at_hand.rows[info.id] = NO_ROW


def prepare_worker(number: int, at_hand: AtHand) -> None:
    """Make worker ``number`` one that answers no signal for its parent and never outlives it."""
    at_hand.pids[number] = os.getpid()
    for ignored in IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*IGNORED, signal.SIGTERM))
    end_with_parent()
    torch.set_num_threads(1)


def end_with_parent(parent: int | None = None) -> None:
    """Have this process killed when the thread that started it ends (on Linux).

    Args:
        parent: pid of its process; if that is gone already, this one ends now.
    """
    if sys.platform == "linux":
        CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent not in (None, os.getppid()):
        os._exit(1)


class Workers:
    """The running workers of one pass over the rows; the arguments are those of ``read_in_workers``."""

    def __init__(
        self,
        read: ReadBatch,
        order: Sequence[RowNumbers],
        num_workers: int,
        *,
        timeout_seconds: float,
        seed: int,
        named: Callable[[Sequence[int]], str],
    ) -> None:
        self.timeout_seconds, self.named = timeout_seconds, named
        self.at_hand = AtHand(num_workers)
        self.waiting_for: RowNumbers | None = None
        self.fault = ""
        self.judged, self.closing = threading.Event(), threading.Event()
        self.on_child_death = signal.getsignal(signal.SIGCHLD)
        self.iterator, self.processes = start_workers(InWorker(read, self.at_hand), order, num_workers, seed)
        self._answer_child_death(signal.SIG_DFL)
        self.watch = threading.Thread(target=self._watch, name="loader-watch", daemon=True)
        self.watch.start()

    def batch(self, rows_B: RowNumbers) -> Inputs:
        """Wait for the next batch, which holds the rows (B,).

        Raises:
            DataError: a row cannot be read, or its worker died or hangs.
        """
        self.waiting_for = rows_B
        try:
            batch = self._next()
        finally:
            self.waiting_for = None
        if isinstance(batch, DataError):
            raise batch
        inputs: Inputs = batch
        return inputs

    def _next(self) -> Any:
        while True:
            words = ""
            try:
                return next(self.iterator)
            except Exception as error:  # the loader's own: a dead worker breaks its pipes in several ways
                words = str(error)
            polled = words.startswith("DataLoader timed out")
            if self.judged.wait(0 if polled else 5 * LOOK_SECONDS):
                raise DataError(self.fault)
            if not polled:
                raise DataError(f"the loader's processes failed: {shown(words, MOST_CHARACTERS)}")

    def _watch(self) -> None:
        """Judge the workers while a batch is waited for; end them all at the first fault."""
        waited_seconds, looked_at, before = 0.0, monotonic(), None
        while not self.closing.wait(LOOK_SECONDS):
            rows_B, now = self.waiting_for, monotonic()
            # a long gap between looks means that this process was stopped (Ctrl-Z): it counts as one look
            waited_seconds = waited_seconds + min(now - looked_at, 1.0) if rows_B is before else 0.0
            looked_at, before = now, rows_B
            if rows_B is None:
                continue
            fault = self._death(rows_B)
            if not fault and waited_seconds > self.timeout_seconds:
                fault = self._hang(rows_B)
            if fault:
                self.fault = fault
                self.judged.set()
                for process in self.processes:  # also frees a main process that waits inside a worker's socket
                    process.kill()
                return

    def _death(self, rows_B: RowNumbers) -> str:
        dead = next((process for process in self.processes if not process.is_alive()), None)
        if dead is None:
            return ""
        row = self.at_hand.row_of(dead.pid)
        rows = self.named(rows_B.tolist() if row == NO_ROW else [row])
        if dead.exitcode is None or dead.exitcode >= 0:
            return f"{rows}: the loader process that read it ended with exit code {dead.exitcode}"
        number = -dead.exitcode
        if number == signal.SIGBUS:
            advice = "shared memory (/dev/shm) is full: give the container more (--shm-size), or set num_workers=0"
        else:
            advice = "most often memory ran out: lower num_workers (0 reads in the main process) or batch_size"
        with suppress(ValueError):
            return f"{rows}: the loader process that read it was ended by {signal.Signals(number).name}\n{advice}"
        return f"{rows}: the loader process that read it was ended by signal {number}\n{advice}"

    def _hang(self, rows_B: RowNumbers) -> str:
        at_hand, in_batch = set(self.at_hand.rows) - {NO_ROW}, set(rows_B.tolist())
        rows = sorted(at_hand & in_batch or at_hand or in_batch)
        return (
            f"{self.named(rows)}: not read within {self.timeout_seconds:g} seconds\n"
            "look at what lies behind it; if reading is just slow, raise runtime.loader_timeout_seconds"
        )

    def close(self) -> None:
        """End the workers; none is left when this returns."""
        if sys.is_finalizing():  # no thread runs any more; multiprocessing has ended the workers
            return
        self.closing.set()
        self.watch.join()
        for process in self.processes:
            if self.at_hand.row_of(process.pid) != NO_ROW:  # reading holds no lock, so this breaks nothing
                process.kill()
        # The loader ends idle workers when it is dropped. In a thread, because a lock that a killed worker took
        # along would keep it for ever.
        held = [self.iterator]
        del self.iterator
        dropping = threading.Thread(target=held.clear, daemon=True)
        dropping.start()
        dropping.join(CLOSE_SECONDS)
        for process in self.processes:
            process.kill()
            process.join(CLOSE_SECONDS)
        self._answer_child_death(self.on_child_death)

    def _answer_child_death(self, handler: Any) -> None:
        """Set the answer to SIGCHLD: torch's raises wherever the main process is, even while it saves."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL if handler is None else handler)


def start_workers(
    dataset: InWorker, order: Sequence[RowNumbers], num_workers: int, seed: int
) -> tuple[Any, list[BaseProcess]]:
    """Start a DataLoader's processes; return its iterator and them.

    The global random generators stay as they are, and signals wait until a worker is ready for them.

    Raises:
        DataError: the system does not allow that many processes.
    """
    before = set(multiprocessing.active_children())
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*IGNORED, signal.SIGTERM))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than processors
            loader = DataLoader(
                dataset,
                sampler=order,
                batch_size=None,  # an item is a whole batch
                num_workers=num_workers,
                collate_fn=_as_it_is,
                timeout=POLL_SECONDS,
                worker_init_fn=partial(prepare_worker, at_hand=dataset.at_hand),
                generator=torch.Generator().manual_seed(seed),
            )
            iterator = iter(loader)
    except OSError as error:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
        raise DataError(f"num_workers={num_workers}: the processes cannot be started: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return iterator, [process for process in multiprocessing.active_children() if process not in before]


def _as_it_is(batch: Any) -> Any:
    return batch
