"""Folds trained side by side: each process trains whole folds, this one hands them out and listens."""

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from time import monotonic
from typing import Any

from trainer.engine.observer import Observer
from trainer.errors import FoldwiseError, UnexpectedError
from trainer.executors.messages import SHOWN, Fold, Work, first_failure, folds_of
from trainer.executors.processes import END_SECONDS, Begin, TrainFold, Worker, end, starting
from trainer.executors.stall import LOOK_SECONDS, STALL_SECONDS
from trainer.report.terminal import PrintLine
from trainer.system import interrupts

Message = tuple[Any, ...]  # its kind, and what belongs to that


def train_side_by_side(
    folds: Sequence[Work],
    train: TrainFold,
    n_workers: int,
    *,
    observed: Callable[[], Sequence[Observer]],
    print_line: PrintLine,
    run: str,
    in_new_process: Begin | None = None,
    stall_seconds: float = STALL_SECONDS,
    when_idle: Callable[[], None] | None = None,
) -> None:
    """Train folds in ``n_workers`` processes; a fold that fails does not keep the others from being trained.

    Args:
        folds: to train, those that are trained as one model together.
        train: called in a process; what it tells its observers and says arrives here.
        n_workers: processes.
        observed: makes the observers of one process; the first is the terminal.
        print_line: prints one line.
        run: name of the run, for messages.
        in_new_process: makes ``train`` in processes that are started, not forked; can be pickled.
        stall_seconds: a process that neither says nor computes anything for longer is ended.
        when_idle: done here, beside the last folds, as soon as a process has nothing left to train.

    Raises:
        FoldwiseError: of the first fold that failed, naming it.
        Interrupted: a signal has come; the folds at hand are saved.
    """
    with _Later() as later, interrupts.deferred(), starting(train, in_new_process) as start:
        team = _Team(deque(folds), later, print_line, run, observed, when_idle)
        for worker in start(n_workers):
            team.begin(worker, [])
        while team.running:
            later.check()
            if interrupts.received():
                team.stop()
            team.end_stalled(stall_seconds)
            for worker, message in _news(team.running):
                if message is not None:
                    worker.activity.reported()
                    team.answer(worker, message)
                    continue
                team.reap(worker)
                if team.waiting and not team.running and not interrupts.received():
                    later.finish()  # nothing else is done while a process is forked
                    team.begin(start(1)[0], worker.lanes)
        later.finish()
        interrupts.check()
        if team.failed:
            raise first_failure(team.failed, [fold for work in folds for fold in folds_of(work)])


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


@dataclass
class _Team:
    """The processes that have a fold, and the folds that have no process.

    Attributes:
        waiting: folds that nobody has begun.
        later: tells the trackers.
        print_line: prints one line.
        run: name of the run.
        observed: makes the observers of one fold at a time.
        when_idle: what is done when a process has nothing left to train while others train; None = it has been.
        running: processes with a fold.
        told_at: when they were told to save and end.
        failed: errors of folds.
    """

    waiting: deque[Work]
    later: _Later
    print_line: PrintLine
    run: str
    observed: Callable[[], Sequence[Observer]]
    when_idle: Callable[[], None] | None
    running: list[Worker] = field(default_factory=list)
    told_at: float | None = None
    failed: dict[Fold, FoldwiseError] = field(default_factory=dict)

    def begin(self, worker: Worker, lanes: list[Sequence[Observer]]) -> None:
        """Give a new worker its first folds."""
        worker.lanes = lanes
        self.running.append(worker)
        self._hand_out(worker)

    def stop(self) -> None:
        """Have all workers save and end; those that do not, END_SECONDS after SIGTERM, are ended."""
        if self.told_at is None:
            self.told_at = monotonic()
            self.waiting.clear()
            for worker in self.running:
                worker.process.terminate()
        if interrupts.received() == signal.SIGTERM and monotonic() - self.told_at > interrupts.END_SECONDS:
            for worker in self.running:
                worker.process.kill()

    def end_stalled(self, stall_seconds: float) -> None:
        """End workers that do nothing any more; no other fold is begun, for it would come to the same."""
        for worker in [worker for worker in self.running if worker.activity.is_stalled(stall_seconds)]:
            worker.process.kill()
            self.running.remove(worker)
            self.waiting.clear()
            self._fail(worker, _stall(worker, self.run, stall_seconds))

    def answer(self, worker: Worker, message: Message) -> None:
        """Do what a message says; trackers draw pictures, and no worker is to wait for that."""
        kind, *rest = message
        if kind == "say":
            self.print_line(*rest)
        elif kind == "done":
            for fold, error in rest[0].items():
                self._fail(worker, error, fold)
            self._hand_out(worker)
        else:
            lane, shown_to, method, arguments = rest
            observers = worker.lanes[lane]
            if shown_to == SHOWN:
                getattr(observers[0], method)(*arguments)
            else:
                for observer in observers[1:]:
                    self.later.do(partial(getattr(observer, method), *arguments))

    def reap(self, worker: Worker) -> None:
        """Take out a worker that is gone; its fold has failed unless it was told to stop."""
        self.running.remove(worker)
        if not interrupts.received():
            self._fail(worker, _death(worker, self.run))

    def _hand_out(self, worker: Worker) -> None:
        """Give a worker its next folds, or tell it that there are none."""
        worker.work = self.waiting.popleft() if self.waiting and not interrupts.received() else None
        if worker.work is None:
            self.running.remove(worker)
            if self.running and self.when_idle:
                self.later.do(self.when_idle)
                self.when_idle = None
        else:
            worker.lanes += [self.observed() for _ in folds_of(worker.work)[len(worker.lanes) :]]
        with suppress(OSError):  # it is gone: seen when it is listened to
            worker.pipe.send(worker.work)

    def _fail(self, worker: Worker, error: FoldwiseError, fold: Fold | None = None) -> None:
        assert worker.work is not None
        self.failed[folds_of(worker.work)[0] if fold is None else fold] = error
        others = self.waiting or any(other is not worker for other in self.running)
        self.print_line(f"{error.kind}: {str(error).splitlines()[0]}{' (the other folds go on)' if others else ''}")


def _news(running: Sequence[Worker]) -> Iterator[tuple[Worker, Message | None]]:
    """Wait a moment; yield the workers that have said something, with it, and those that are gone, with None."""
    readable = wait([worker.pipe for worker in running], LOOK_SECONDS)
    for worker in list(running):
        if worker.pipe in readable:
            yield worker, _received(worker)
        elif not worker.process.is_alive() and not worker.pipe.poll():  # what it started may hold its end of the pipe
            yield worker, None


def _received(worker: Worker) -> Message | None:
    try:
        message: Message = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    return message


def _stall(worker: Worker, run: str, seconds: float) -> FoldwiseError:
    """Return the error of a worker that did nothing for too long."""
    return UnexpectedError(
        f"{worker.called}: its process has said and computed nothing for {seconds:g} seconds, and was ended\n"
        "most often it waits for a thread of a plugin or library that did not come along: cv.parallel=1 trains the "
        "folds in one process\n"
        f"the same command with run={run} goes on with what is saved (runtime.stall_timeout_seconds is the time)"
    )


def _death(worker: Worker, run: str) -> FoldwiseError:
    """Return the error of a worker that is gone before its fold was done."""
    worker.process.join(END_SECONDS)
    end(worker)
    code, folds = worker.process.exitcode or 0, worker.called
    advice = f"the same command with run={run} resumes from what is saved"
    if code >= 0:
        return UnexpectedError(f"{folds}: its process ended with exit code {code}\n{advice}")
    name = f"signal {-code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
    why = "most often memory ran out: lower cv.parallel (1 trains one fold at a time) or batch_size"
    return UnexpectedError(f"{folds}: its process was ended by {name}\n{why}\n{advice}")
