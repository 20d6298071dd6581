"""The process that sends what a tracker is told: ``python -m trainer.trackers.sender``, one message of JSON per line.

It reads at once whatever comes, so that nobody who writes waits for it, and sends in batches. When its input ends it
has five minutes for the rest. At the end it says in one line of JSON how many messages were sent, and why others were
not.
"""

import json
import math
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TextIO

from trainer.errors import first_line_of
from trainer.store.own_files import tracked_ids
from trainer.system.files import write_bytes
from trainer.system.folders import read_file
from trainer.system.helper_process import as_helper
from trainer.system.scrubbed import SECRET_NAME, scrubbed

MOST_WAITING = 20_000  # messages that are read and not sent
MOST_AT_ONCE = 400
LAST_SECONDS = 300.0  # after the end of the input
TRIES, FIRST_WAIT_SECONDS = 4, 0.5

Message = dict[str, Any]


class Sink(Protocol):
    """Sends to a tracking server or store; ``ids`` are kept in the run directory, for a later process to go on."""

    ids: dict[str, Any]

    def send(self, messages: list[Message]) -> None:
        """Send; may raise, and is then asked again."""
        ...

    def close(self) -> None:
        """The input has ended."""
        ...


def main() -> None:
    """Read messages from standard input and send them."""
    report = as_helper()
    waiting: queue.Queue[Message | None] = queue.Queue(MOST_WAITING)
    begin = json.loads(sys.stdin.readline())
    threading.Thread(target=_read, args=(waiting, report), daemon=True).start()
    outcome = deliver(begin, waiting)
    report.write(json.dumps(outcome))
    report.close()
    os._exit(0)  # a thread of a library may wait for a server


def _read(waiting: "queue.Queue[Message | None]", report: TextIO) -> None:
    for line in sys.stdin:
        with suppress(queue.Full):
            waiting.put_nowait(json.loads(line))
    last = threading.Timer(LAST_SECONDS, _give_up, (report,))
    last.daemon = True
    last.start()
    waiting.put(None)


def _give_up(report: TextIO) -> None:
    report.write(json.dumps({"why": f"it was not done {LAST_SECONDS:g} seconds after the end of the run"}))
    report.close()
    os._exit(1)


def deliver(begin: Message, waiting: "queue.Queue[Message | None]") -> dict[str, Any]:
    """Send messages until None comes; return how many were, how many were not, and why.

    Args:
        begin: ``sink`` as module:Class, ``directory`` of the run and ``options``.
        waiting: the messages.
    """
    directory, sent, lost, why = Path(begin["directory"]), 0, 0, ""
    sink: Sink | None = None
    more = True
    while more:
        batch, more = _batch(waiting)
        try:
            sink = sink or _made(begin, directory)
            _send(sink, _new(batch, sink.ids), directory)
            sent += len(batch)
        except Exception as error:  # of a library, a server or a disk: training is not to notice
            lost, why = lost + len(batch), why or scrubbed(f"{type(error).__name__}: {first_line_of(error)}")
    try:
        if sink is not None:
            sink.close()
    except Exception as error:
        why = why or scrubbed(f"{type(error).__name__}: {first_line_of(error)}")
    return {"sent": sent, "lost": lost, "why": why}


def _made(begin: Message, directory: Path) -> Sink:
    module, _, name = begin["sink"].partition(":")
    ids = tracked(directory, module.rpartition(".")[2])
    sink: Sink = getattr(import_module(module), name)(directory, ids, **begin["options"])
    return sink


def tracked(directory: Path, tracker: str) -> dict[str, Any]:
    """Return what is kept of a tracker in a run directory: the ids of its runs, and what was sent."""
    try:
        found = json.loads(read_file(directory / tracked_ids(tracker), directory))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _batch(waiting: "queue.Queue[Message | None]") -> tuple[list[Message], bool]:
    """Wait for a message; return all that are there, and whether more may come."""
    found = [waiting.get()]
    while len(found) < MOST_AT_ONCE and found[-1] is not None and not waiting.empty():
        found.append(waiting.get())
    return [message for message in found if message is not None], found[-1] is not None


def _send(sink: Sink, batch: list[Message], directory: Path) -> None:
    wait_seconds = FIRST_WAIT_SECONDS
    for attempt in range(TRIES):
        try:
            sink.send(batch)
            break
        except Exception:
            if attempt == TRIES - 1:
                raise
            time.sleep(wait_seconds)
            wait_seconds *= 4
    for message in batch:
        if message["kind"] == "values":
            sink.ids.setdefault("steps", {})[_curve(message)] = message["step"]
        sink.ids["finished"] = message["kind"] == "finished"
    name = tracked_ids(type(sink).__module__.rpartition(".")[2])
    write_bytes(directory / name, json.dumps(sink.ids).encode(), root=directory, what="ids of the tracker")


def _curve(message: Message) -> str:
    return f"{message['fold']}/{message['of']}"


def _new(batch: list[Message], ids: dict[str, Any]) -> list[Message]:
    """Return the messages without the steps that were sent before: a fold that goes on repeats those after its save."""
    steps = ids.get("steps", {})
    return [one for one in batch if one["kind"] != "values" or one["step"] > steps.get(_curve(one), -1)]


def defined(values: dict[str, float]) -> dict[str, float]:
    """Return the values that are numbers: libraries turn NaN and infinity into something else."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def settings(directory: Path) -> dict[str, str]:
    """Return the configuration of a run, flattened, as text; without what may be secret."""
    import yaml

    from trainer.config.keys import flatten

    config = yaml.safe_load(read_file(directory / "config.yaml", directory)) or {}
    return {
        key: "***" if SECRET_NAME.search(key) else scrubbed(str(value))
        for key, value in flatten(config).items()
        if not key.startswith("tracker")
    }


def result_files(directory: Path) -> list[Path]:
    """Return what of a finished run is kept with a tracker: the report, how it was split, the predictions."""
    names = ("report.html", "report.md", "folds.json", "cv.json", "oof.parquet")
    return [directory / name for name in names if (directory / name).is_file()]


if __name__ == "__main__":
    main()
