"""Processes that train whole folds: forked from the one that has prepared the data, or started new; always ended.

Forked ones see all that is prepared without a copy, and nothing has to be sent to them but names of folds. CUDA does
not work in a forked process, so with a GPU each prepares the data itself. Each talks through a pipe of its own: no lock
is shared that a killed one could take along.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

from trainer.data.loading.workers import end_with_parent
from trainer.engine.observer import Observer
from trainer.errors import ConfigError, Interrupted, few_words_of, no_exit
from trainer.executors.messages import SHOWN, TRACKERS, Sent, Work, called, failures
from trainer.executors.stall import Activity
from trainer.report.terminal import PrintLine
from trainer.system import interrupts

READY = "ready"
READY_SECONDS = 20.0
NEW_READY_SECONDS = 300.0  # torch is imported first, in all of them at once
END_SECONDS = 2.0  # for a process that was told to end
FORKS = 3  # tried for one process

TrainFold = Callable[[Work, list[Observer], PrintLine], None]  # trains a fold, or several as one, and saves them
Begin = Callable[[], TrainFold]  # called in the process
Result = TypeVar("Result")


@dataclass
class Worker:
    """A process that trains folds.

    Attributes:
        process: of it.
        pipe: to it.
        work: the folds it is training, or None.
        lanes: observers of the folds it trains; of several that are trained as one, each has its own.
    """

    process: BaseProcess
    pipe: Connection
    work: Work | None = None
    lanes: list[Sequence[Observer]] = field(default_factory=list)

    @property
    def called(self) -> str:
        """What it is training, in words."""
        assert self.work is not None
        return called(self.work)

    def __post_init__(self) -> None:
        self.activity = Activity(self.process.pid or 0)


Start = Callable[[int], list[Worker]]  # starts so many; raises ConfigError where the system does not allow them


@contextmanager
def starting(train: TrainFold, in_new_process: Begin | None = None) -> Iterator[Start]:
    """Yield what starts a number of processes; none is left after the block.

    A thread that has never computed anything forks them: OpenMP keeps the threads it started for each thread that has,
    believes in a forked process that they are still there, and waits for them for ever. The thread lives as long as the
    block, because processes are told of the end of the thread that forked them, not of its process.

    Args:
        train: called in a forked process.
        in_new_process: makes ``train`` in processes that are not forked; can be pickled.
    """
    workers: list[Worker] = []
    forker = _Thread()

    def fork(n_workers: int) -> list[Worker]:
        first = len(workers)
        for _ in range(n_workers):
            workers.append(_new(in_new_process) if in_new_process else _forked(lambda: train))
        if in_new_process:
            _await(workers[first:])
        return workers[first:]

    def start(n_workers: int) -> list[Worker]:
        try:
            return forker.call(partial(fork, n_workers))
        except Exception as error:  # the system refuses, or what is to be sent cannot be
            raise ConfigError(
                f"cv.parallel={n_workers}: the processes cannot be started: {few_words_of(error)}"
            ) from error

    was_frozen = gc.get_freeze_count() > 0
    if was_frozen:
        gc.collect()  # what stays frozen is never freed: not what an earlier run has left
    gc.freeze()  # the collector would write to every page, and so copy it
    try:
        yield start
    finally:
        if not was_frozen:
            gc.unfreeze()
        for worker in workers:
            if worker.work is None:  # it was told to end
                worker.process.join(END_SECONDS)
            end(worker)
        forker.end()


def end(worker: Worker) -> None:
    """End a process, if need be by force."""
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


class _Thread:
    """A thread that does nothing but what it is asked.

    An executor's would be joined by itself when a process that was forked in it ends, which then fails.
    """

    def __init__(self) -> None:
        self._asked = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]()
        self._thread = threading.Thread(target=self._work, name="foldwise-fork", daemon=True)
        self._thread.start()

    def call(self, action: Callable[[], Result]) -> Result:
        """Return what ``action`` returns, or raise what it raises."""
        future = Future[Result]()
        self._asked.put((future, action))
        return future.result()

    def end(self) -> None:
        """End the thread."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while asked := self._asked.get():
            future, action = asked
            try:
                future.set_result(action())
            except Exception as error:
                future.set_exception(error)


def _forked(begin: Begin) -> Worker:
    """Fork a process that says it is there; one that hangs or dies before is replaced.

    Python 3.11 hangs inside ``fork`` where a native thread makes or ends a thread state at that very moment.

    Raises:
        OSError: it cannot be started.
    """
    for _ in range(FORKS):
        worker = _fork(begin)
        if _is_ready(worker, READY_SECONDS):
            return worker
        end(worker)
    raise OSError(f"{FORKS} in a row hung or died when they were forked")


def _await(workers: Sequence[Worker]) -> None:
    """Wait until all say that they are there.

    Raises:
        OSError: one does not.
    """
    for worker in workers:
        if not _is_ready(worker, NEW_READY_SECONDS):
            raise OSError("one hung or died before it had begun")


def _is_ready(worker: Worker, seconds: float) -> bool:
    with suppress(EOFError, ConnectionError):
        return worker.pipe.poll(seconds) and worker.pipe.recv() == READY
    return False


def _process(begin: Begin, method: str) -> Worker:
    """Start one process; signals wait until it is ready for them."""
    ours, theirs = multiprocessing.Pipe()
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=_work, args=(begin, theirs, os.getpid(), torch.get_num_threads()), daemon=False)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupts.SIGNALS)
    try:
        with warnings.catch_warnings():  # Python 3.12 and later warn of threads whose locks nobody would open
            warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return Worker(process, ours)


_fork, _new = partial(_process, method="fork"), partial(_process, method="spawn")


def _work(begin: Begin, pipe: Connection, parent: int, threads: int) -> None:
    """Train the folds that the parent names, one after the other."""
    interrupts.obey_parent()
    end_with_parent(parent)
    torch.set_num_threads(threads)
    pipe.send(READY)
    observers: list[Observer] = [Sent(pipe, SHOWN), Sent(pipe, TRACKERS)]

    def print_line(line: str) -> None:
        pipe.send(("say", line))

    train = None
    try:
        while (work := pipe.recv()) is not None:
            errors = {}
            try:
                with no_exit():
                    train = train or begin()
                    train(work, observers, print_line)
            except Exception as raised:
                errors = failures(work, raised)
            pipe.send(("done", errors))
    except Interrupted as stop:
        sys.exit(stop.exit_code)
    finally:
        pipe.close()  # a thread of the model's may keep the process from ending
