"""What is told a tracker whose library is large or whose server is far: handed to a process of its own.

Training never waits for it. The thread that writes to the process takes from a bounded queue; what finds no room there
is dropped and counted. The library is imported in the process alone, at a low priority: none of its threads is
alive where folds are forked, and neither its import nor a crash of it costs training anything.
"""

import atexit
import json
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from trainer.report.terminal import PrintLine
from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.system.helper_process import start_helper
from trainer.tasks import Target, Task
from trainer.trackers.sender import tracked

MOST_WAITING = 2000  # messages
EXIT_SECONDS = 2.0  # that the end of a process waits for it at most
_couriers: dict[tuple[Path, str], "Courier"] = {}  # of this process: the folds of a run share one


class Courier:
    """Hands messages to the process that sends them.

    Args:
        sink: module and class of what sends, as ``module:Class``.
        name: of the tracker, for messages.
        directory: of the run.
        options: of the sink.
        print_line: prints one line.
        most_waiting: messages; more are dropped.
    """

    def __init__(
        self,
        sink: str,
        name: str,
        *,
        directory: Path,
        options: Mapping[str, Any],
        print_line: PrintLine,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.name, self.print_line = name, print_line
        self.dropped, self.report = 0, dict[str, Any]()
        self._begin = {"sink": sink, "directory": str(directory.absolute()), "options": dict(options)}
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._work, name=f"foldwise-{name}", daemon=True)
        self._began = False

    def tell(self, message: dict[str, Any]) -> None:
        """Pass a message on without waiting; the first one starts the process."""
        if not self._began:
            self._began = True
            self._thread.start()
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float) -> None:
        """Let it finish for some time, and say what was lost; what is left then it goes on with by itself."""
        if not self._began:
            return
        until = time.monotonic() + seconds
        with suppress(queue.Full):
            self._queue.put(None, timeout=seconds)
        self._thread.join(max(0.0, until - time.monotonic()))
        for note in self._notes():
            self.print_line(f"note: tracker.{self.name}: {note}")

    def _notes(self) -> list[str]:
        notes = [f"{self.dropped} messages were dropped, it was too slow"] if self.dropped else []
        if self._thread.is_alive():
            return [*notes, "is still sending, and goes on by itself for five minutes at most"]
        lost, why = self.report.get("lost", 0), self.report.get("why", "it ended without a word")
        if lost or "sent" not in self.report:
            notes.append(f"{lost or 'some'} messages could not be sent: {why}")
        return notes

    def _work(self) -> None:
        """Start the process, write to it, and read what it says of itself when it ends."""
        try:
            process = start_helper("trainer.trackers.sender")
        except OSError as error:
            self.report = {"lost": 0, "why": f"its process cannot be started: {error.strerror}"}
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError), process.stdin:  # it has died: seen by what it does not say
            self._write(process.stdin, self._begin)
            while (message := self._queue.get()) is not None:
                self._write(process.stdin, message)
        with suppress(ValueError), process.stdout:
            self.report = json.loads(process.stdout.read())
        process.wait()

    def _write(self, pipe: Any, message: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(message) + "\n")
        if self._queue.empty():
            pipe.flush()


class Told:
    """An observer that tells a courier; the base of a tracker whose library is used in another process.

    Args:
        directory: of the run.
        print_line: prints one line.
        flush_seconds: that the end of the run waits at most for what is not sent yet.
        **options: of the sink.

    Attributes:
        needs: the package, whose name is the tracker's.
        sink: module and class of what sends, as ``module:Class``.
    """

    needs: ClassVar[str]
    sink: ClassVar[str]

    def __init__(self, directory: Path, print_line: PrintLine, flush_seconds: float, **options: Any) -> None:
        self._make = partial(
            Courier, self.sink, self.needs, directory=directory, options=options, print_line=print_line
        )
        self._key, self._flush_seconds = (directory.absolute(), self.needs), flush_seconds
        self._fold: int | str = 0

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Tell that a fold begins or goes on."""
        self._fold = fold
        self._tell("fold_started")

    def step(self, step: int, loss: float, lr: float) -> None:
        """Tell loss and learning rate."""
        self._tell("values", of="step", step=step, values={"step/loss": loss, "step/lr": lr})

    def epoch(self, record: EpochRecord) -> None:
        """Tell what an epoch recorded."""
        values = {
            "epoch/number": record.epoch,
            "epoch/train_loss": record.train_loss,
            "epoch/lr": record.lr,
            "epoch/seconds": record.seconds,
            **{f"monitor/{name}": value for name, value in record.monitor.items()},
        }
        self._tell("values", of="epoch", step=record.step, values=values)

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """Tell the held-out metrics."""
        values = {f"held_out/{name}": value for name, value in result.metrics.items()} if len(target_V) else {}
        self._tell("fold_finished", step=result.epochs[result.best_epoch - 1].step, values=values)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Tell the result, and wait a moment."""
        values = {f"mean/{name}": summary.mean for name, summary in result.metrics.items()}
        values |= {f"oof/{name}": summary.oof for name, summary in result.metrics.items()}
        if self._key not in _couriers and tracked(*self._key).get("finished"):
            return  # nothing was trained, and all was told before
        self._tell("finished", values=values)
        _couriers.pop(self._key).close(self._flush_seconds)

    def _tell(self, kind: str, **facts: Any) -> None:
        if self._key not in _couriers:
            _couriers[self._key] = self._make()
        _couriers[self._key].tell({"kind": kind, "fold": str(self._fold), "at": time.time(), **facts})


@atexit.register
def _close_all() -> None:
    """Let what is left of runs that were stopped be sent."""
    while _couriers:
        _couriers.popitem()[1].close(EXIT_SECONDS)
