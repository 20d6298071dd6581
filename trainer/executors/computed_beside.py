"""Something computed in a forked process while this one goes on; where that fails it is computed here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from trainer.engine.observer import Observer
from trainer.errors import ConfigError
from trainer.executors.messages import Work
from trainer.executors.processes import Worker, starting
from trainer.executors.stall import LOOK_SECONDS
from trainer.report.terminal import PrintLine

Result = TypeVar("Result")
STALL_SECONDS = 30.0  # without computing anything: a lock that a fork has brought along is never opened
RESULT = "result"
BESIDE = "beside"  # what the process is handed in place of a fold


@contextmanager
def computed_beside(compute: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Yield what waits for the result of ``compute``, which a process has begun by then; none is left after the block.

    Args:
        compute: needs no thread of this process, and computes nothing on several threads; its result can be pickled.
    """

    def told(work: Work, observers: list[Observer], print_line: PrintLine) -> None:
        observers[0].pass_on(RESULT, compute())  # type: ignore[attr-defined] # what the parent's process is sent

    with starting(told) as start:
        try:
            worker = start(1)[0]
        except ConfigError:  # the system refuses
            yield compute
            return
        worker.work = BESIDE  # as long as it has something to do nobody waits for its end
        worker.pipe.send(BESIDE)
        yield lambda: _result(worker, compute)


def _result(worker: Worker, compute: Callable[[], Result]) -> Result:
    try:
        while not worker.pipe.poll(LOOK_SECONDS):
            if worker.activity.is_stalled(STALL_SECONDS):
                return compute()
        kind, *rest = worker.pipe.recv()
    except (EOFError, OSError):  # it was killed
        return compute()
    if kind != "tell":  # it has raised: here that is seen with its own trace
        return compute()
    found: Result = rest[-1][0]
    return found
