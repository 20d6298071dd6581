"""Folds trained side by side: each process trains whole folds, this one hands them out and listens."""

import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    waiting, failed = deque(folds), dict[Fold, FoldwiseError]()
    with _Later() as later, interrupts.deferred(), started(train, n_workers, anew) as workers:
        for worker in workers:
            worker.observers = observed()
            _hand_out(worker, waiting)
        running, told = list(workers), False
        while running:
            later.check()
            if interrupts.received() and not told:
                told = True
                waiting.clear()
                for worker in running:
                    worker.process.terminate()
            for pipe in wait([worker.pipe for worker in running], LOOK_SECONDS):
                worker = next(worker for worker in running if worker.pipe is pipe)
                try:
                    _listen(worker, waiting, failed, later, say)
                except (EOFError, OSError):
                    running.remove(worker)
                    if worker.fold is not None and not told:
                        _note(worker.fold, _death(worker, run), failed, say)
        later.finish()
        interrupts.check()
        if failed:
            raise first_failure(failed, folds)


class _Later:
    """Does things one after the other in a thread of its own, which is begun when the processes have been forked."""

    def __enter__(self) -> "_Later":
        self._thread, self._asked = ThreadPoolExecutor(1, "foldwise-trackers"), deque[Future[None]]()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def do(self, action: Callable[[], None]) -> None:
        """Do this when all that was asked before is done."""
        self._asked.append(self._thread.submit(action))

    def check(self) -> None:
        """Raise the error of what has been done so far."""
        while self._asked and self._asked[0].done():
            self._asked.popleft().result()

    def finish(self) -> None:
        """Wait until everything is done; raise its first error."""
        while self._asked:
            self._asked.popleft().result()


def _listen(
    worker: Worker,
    waiting: deque[Fold],
    failed: dict[Fold, FoldwiseError],
    later: _Later,
    say: Say,
) -> None:
    """Do what a worker's next message says; trackers draw pictures, and no worker is to wait for that.

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
            for observer in worker.observers[1:]:
                later.do(partial(getattr(observer, method), *arguments))


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
