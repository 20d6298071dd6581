"""The process that keeps up the copy of a run: ``python -m trainer.store.follower``, begun by ``trainer.store.mirror``.

The run directory is its queue: it looks what has changed there and sends that, folder by folder, until its input ends
and everything is sent. A store that does not answer is asked again, less and less often.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.errors import FoldwiseError, StorageError, first_line_of
from trainer.store.copied_files import folders_of, is_copied
from trainer.store.mirror import GOES_ON_MINUTES
from trainer.store.object_store import fingerprint_of, push_folder
from trainer.store.own_files import EVENTS, is_fold_folder
from trainer.store.remote import Store
from trainer.store.run_files import is_run
from trainer.system.folders import opened
from trainer.system.helper_process import as_helper
from trainer.system.scrubbed import scrubbed

LOOK_SECONDS = 5.0  # between two looks at the run directory
MOST_WAIT_SECONDS = 60.0  # between two tries, while the store does not answer
LAST_SECONDS = 60.0 * GOES_ON_MINUTES
MOST_FAILED = 2  # folders: the store is away, and the others would only wait for it as long
GROWING = re.compile(rf"{EVENTS}|.+\.log|tracker-.+|step-\d+\.pt")  # sent with the others: they change all the time

Tell = Callable[..., None]


class Follower:
    """Brings the copy up to date with the run directory, folder by folder.

    Args:
        run: the run directory.
        url: of the copy.
        folds: folders of folds that this machine trains; None = all there are.
        progress: called when a part of a file was sent.
    """

    def __init__(
        self, run: Path, url: str, folds: Collection[str] | None = None, progress: Callable[[], None] = lambda: None
    ) -> None:
        self.run, self.url, self.folds, self.progress = run, url, folds, progress
        self._store: Store | None = None
        self._sent: dict[str, Any] = {}  # by folder: the state of its files when they were sent

    def send(self, *, last: bool = False) -> None:
        """Send what has changed.

        Args:
            last: what grows all the time too, and of the copy before nothing is kept.

        Raises:
            FoldwiseError: the first folder that cannot be sent; others have been tried, unless they failed too.
        """
        if not is_run(self.run):  # it is just being begun
            return
        failed: list[FoldwiseError] = []
        for folder in self.behind(last=last):
            state = self._state(folder, last=last)
            try:
                self._store = self._store or Store(self.url, self.progress)
                push_folder(self._store, self.run, folder, fingerprint_of(self.run), keep_before=not last)
                self._sent[folder] = state
            except FoldwiseError as error:
                failed.append(error)
                if len(failed) == MOST_FAILED:
                    break
        if failed:
            raise failed[0]

    def behind(self, *, last: bool = True) -> list[str]:
        """Return the folders that have changed since they were sent; "" = the run's own files."""
        folders = [name for name in folders_of(self.run) if self._is_wanted(name)]
        return [name for name in folders if self._sent.get(name) != self._state(name, last=last)]

    def _is_wanted(self, folder: str) -> bool:
        return self.folds is None or not is_fold_folder(folder) or folder in self.folds

    def _state(self, folder: str, *, last: bool) -> Any:
        with opened(self.run / folder, self.run) as descriptor, os.scandir(descriptor) as entries:
            stats = {
                entry.name: entry.stat(follow_symlinks=False)
                for entry in entries
                if is_copied(folder, entry.name) and (last or not GROWING.fullmatch(entry.name))
            }
        return {name: (stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats.items()}


def follow(follower: Follower, ended: threading.Event, tell: Tell) -> None:
    """Keep the copy up until the run has ended and everything is sent, or cannot be.

    Args:
        follower: sends what has changed.
        ended: set at the end of the run.
        tell: told ``why`` something cannot be sent ("" = it can again), and at last what is ``behind``.
    """
    why, wait_seconds = "", LOOK_SECONDS
    while True:
        last, problem = ended.is_set(), None
        try:
            follower.send(last=last)
            said = ""
        except Exception as error:  # of a library, a disk, or a file that goes while it is looked at
            problem, said = error, scrubbed(first_line_of(error))
        if said != why:
            tell(why=said)
        if last and (problem is None or not isinstance(problem, StorageError | OSError)):
            tell(behind=follower.behind() if problem else [], why=said)
            return
        wait_seconds = min(2 * wait_seconds, MOST_WAIT_SECONDS) if said else LOOK_SECONDS
        why = said
        if last:
            time.sleep(min(wait_seconds, LOOK_SECONDS))
        else:
            ended.wait(wait_seconds)


def main() -> None:
    """Read the run, the address and the folds from standard input, and keep the copy up until the input ends."""
    report = as_helper()
    begin, ended = json.loads(sys.stdin.readline()), threading.Event()

    def tell(**facts: Any) -> None:
        with suppress(OSError):  # whoever has started it is gone
            report.write(json.dumps(facts) + "\n")
            report.flush()

    def listen() -> None:
        sys.stdin.read()
        ended.set()
        time.sleep(LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    follow(Follower(Path(begin["run"]), begin["url"], begin["folds"], lambda: tell(sent=True)), ended, tell)
    os._exit(0)  # a thread of a library may wait for the store


if __name__ == "__main__":
    main()
