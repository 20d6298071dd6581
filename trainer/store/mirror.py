"""A copy of a run that is kept up while it trains (``paths.mirror``), by a process that training never waits for.

The run directory is the queue: the process looks what has changed in it and sends that, so nothing is lost when it is
killed, or when the store is away for hours. A process that dies is started again. At the end of the run it is waited
for as long as it gets on; what the copy lacks then is said, with the command that sends it.
"""

import json
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.errors import Interrupted
from trainer.store.fold_files import fold_directory
from trainer.system.helper_process import start_helper

QUIET_SECONDS = 60.0  # in which not a part of a file was sent: it is waited for no longer
STOPPED_SECONDS = 5.0  # that a run waits which was stopped, or whose store does not answer
TOLD_SECONDS = 3.0  # of waiting before it is said
GOES_ON_MINUTES = 5  # of the process, after the end of the run
MOST_WAIT_SECONDS = 60.0  # before a process that has died is started again
RESTARTS = 2  # of a process that dies, after the end of the run

_printing = threading.Lock()  # held while a thread prints: a process that is forked meanwhile would wait for ever
os.register_at_fork(before=_printing.acquire, after_in_parent=_printing.release, after_in_child=_printing.release)


class Mirror:
    """Has a process that keeps up the copy, and starts another one when it dies.

    Args:
        run: the run directory.
        url: of the copy.
        folds: folders of folds that this machine trains; None = all there are.
        print_line: prints one line.
    """

    def __init__(self, run: Path, url: str, folds: Collection[str] | None, print_line: Callable[[str], None]) -> None:
        self.run, self.url, self.print_line = run, url, print_line
        self._begin = {"run": str(run.absolute()), "url": url, "folds": None if folds is None else sorted(folds)}
        self._process: subprocess.Popen[str] | None = None
        self._closing, self._done = threading.Event(), threading.Event()
        self._heard, self._why, self._warned = 0.0, "", False
        self._behind: list[str] | None = None
        self._thread = threading.Thread(target=self._work, name="foldwise-mirror", daemon=True)
        self._thread.start()

    def close(self, quiet_seconds: float) -> None:
        """Let it send the rest as long as it gets on, and say what the copy lacks; with that it goes on by itself."""
        self._closing.set()
        self._end_input()
        began = self._heard = time.monotonic()
        while not self._done.wait(0.02):
            now = time.monotonic()
            if now - self._heard > (min(quiet_seconds, STOPPED_SECONDS) if self._why else quiet_seconds):
                break
            if began and now - began > TOLD_SECONDS:
                self.print_line(f"sending the rest to {self.url} (Ctrl-C: do not wait for it)")
                began = 0.0
        for line in self._last_words():
            self.print_line(line)

    def _last_words(self) -> list[str]:
        if self._behind == []:
            return [f"copy: {self.url}"]
        lacks = ", ".join(name or "the run's own files" for name in self._behind or ()) or "files"
        why = self._why or ("its process has died" if self._done.is_set() else "it is not done yet")
        goes_on = "" if self._done.is_set() else f"; it is tried for {GOES_ON_MINUTES} minutes more"
        return [
            f"note: paths.mirror: {self.url} lacks {lacks} of {self.run} ({why}){goes_on}",
            f"what is lacking is sent by: foldwise push {shlex.join([str(self.run), self.url])}",
        ]

    def _work(self) -> None:
        """Have a process at work until one has said that it is done."""
        wait_seconds, left = 1.0, RESTARTS
        while self._behind is None and left:
            with suppress(OSError):  # no process can be started just now
                self._listen()
            left -= self._closing.is_set()
            if self._behind is None and left:
                self._closing.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, MOST_WAIT_SECONDS)
        self._done.set()

    def _listen(self) -> None:
        process = self._process = start_helper("trainer.store.follower")
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdout, suppress(OSError, ValueError):  # it has died, or its input was closed
            process.stdin.write(json.dumps(self._begin) + "\n")
            process.stdin.flush()
            if self._closing.is_set():
                self._end_input()
            for line in process.stdout:
                self._hear(json.loads(line))
        self._end_input()
        process.wait()

    def _hear(self, facts: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        self._why = facts.get("why", self._why)
        self._behind = facts.get("behind")
        if self._why and not self._warned and not self._closing.is_set():
            self._warned = True
            with _printing:
                self.print_line(f"warning: paths.mirror: {self._why} (training goes on, and it is tried again)")

    def _end_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.close()


@contextmanager
def mirrored(
    place: str | None, run: Path, fold: int | str | None, print_line: Callable[[str], None], *, here: bool
) -> Iterator[None]:
    """Keep up a copy of a run for the length of the block.

    Args:
        place: address below which the copy is kept, under the run's name; None = none is.
        run: the run directory.
        fold: the one that is trained; None = all of them.
        print_line: prints one line.
        here: whether this process trains; where others do, each of them sends its fold.
    """
    if place is None:
        yield
        return
    folds = None if fold is None and here else [] if fold is None else [fold_directory(run, fold).name]
    mirror = Mirror(run, f"{place.rstrip('/')}/{run.name}", folds, print_line)
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        mirror.close(STOPPED_SECONDS)
        raise
    except BaseException:
        mirror.close(QUIET_SECONDS)
        raise
    mirror.close(QUIET_SECONDS)
