"""Folds trained side by side: each process trains whole folds, this one hands them out and listens."""

import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from trainer.config.errors import FoldwiseError, UnexpectedError
from trainer.engine import interrupts
from trainer.parallel.messages import SHOWN, Fold, first_failure
from trainer.parallel.processes import Begin, Say, TrainFold, Worker, started
from trainer.trackers.observer import Observer

LOOK_SECONDS = 0.2  # between two looks for a signal


def train_side_by_side(
    folds: Sequence[Fold],
    train: TrainFold,
    n_workers: int,
    *,
    observed: Callable[[], Sequence[Observer]],
    say: Say,
    run: str,
    anew: Begin | None = None,
) -> None:
    """Train folds in ``n_workers`` processes; a fold that fails does not keep the others from being trained.

    Args:
        folds: to train.
        train: called in a process; what it tells its observers and says arrives here.
        n_workers: processes.
        observed: makes the observers of one process; the first is the terminal.
        say: prints one line.
        run: name of the run, for messages.
        anew: makes ``train`` in processes that are not forked but started anew; can be pickled.

    Raises:
        FoldwiseError: of the first fold that failed, naming it.
        Interrupted: a signal has come; the folds at hand are saved.
    """
    waiting, failed, later = deque(folds), dict[Fold, FoldwiseError](), deque[Callable[[], None]]()
    with interrupts.deferred(), started(train, n_workers, anew) as workers:
        for worker in workers:
            worker.observers = observed()
            _hand_out(worker, waiting)
        running, told = list(workers), False
        while running or later:
            if interrupts.received() and not told:
                told = True
                waiting.clear()
                for worker in running:
                    worker.process.terminate()
            ready = wait([worker.pipe for worker in running], 0 if later else LOOK_SECONDS)
            if later and not ready:
                later.popleft()()
            for pipe in ready:
                worker = next(worker for worker in running if worker.pipe is pipe)
                try:
                    _listen(worker, waiting, failed, later, say)
                except (EOFError, OSError):
                    running.remove(worker)
                    if worker.fold is not None and not told:
                        _note(worker.fold, _death(worker, run), failed, say)
        interrupts.check()
        if failed:
            raise first_failure(failed, folds)


def _listen(
    worker: Worker,
    waiting: deque[Fold],
    failed: dict[Fold, FoldwiseError],
    later: deque[Callable[[], None]],
    say: Say,
) -> None:
    """Do what a worker's next message says; trackers draw pictures, so they are told when no worker waits.

    Raises:
        EOFError, OSError: it is gone.
    """
    message: list[Any]
    kind, *message = worker.pipe.recv()
    if kind == "say":
        say(*message)
    elif kind == "done":
        error, fold = message[0], worker.fold
        worker.fold = None
        if error is not None and fold is not None:
            _note(fold, error, failed, say)
        _hand_out(worker, waiting)
    else:
        shown_to, method, arguments = message
        if shown_to == SHOWN:
            getattr(worker.observers[0], method)(*arguments)
        else:
            later += [partial(getattr(observer, method), *arguments) for observer in worker.observers[1:]]


def _hand_out(worker: Worker, waiting: deque[Fold]) -> None:
    """Give a worker its next fold, or tell it that there is none."""
    worker.fold = waiting.popleft() if waiting else None
    with suppress(OSError):  # it is gone: seen when it is listened to
        worker.pipe.send(worker.fold)


def _note(fold: Fold, error: FoldwiseError, failed: dict[Fold, FoldwiseError], say: Say) -> None:
    failed[fold] = error
    say(f"{error.kind}: {str(error).splitlines()[0]} (the other folds go on)")


def _death(worker: Worker, run: str) -> FoldwiseError:
    """Return the error of a worker that is gone before its fold was done."""
    worker.process.join()
    code, fold = worker.process.exitcode or 0, worker.fold
    advice = f"the same command with run={run} goes on with what is saved"
    if code >= 0:
        return UnexpectedError(f"fold {fold}: its process ended with exit code {code}\n{advice}")
    name = f"signal {-code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
    why = "most often memory ran out: lower cv.parallel (1 trains one fold at a time) or batch_size"
    return UnexpectedError(f"fold {fold}: its process was ended by {name}\n{why}\n{advice}")
