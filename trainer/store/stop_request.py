"""``foldwise stop``: a word in the run directory that every process which trains the run obeys, wherever it runs.

No clock and no process number is compared: a process notes the word that is there when it begins, and ends at another.
"""

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import ForeignFileError
from trainer.store.own_files import STOP
from trainer.system.files import write_bytes
from trainer.system.folders import read_file

LOOK_SECONDS = 2.0


def ask_to_stop(run: Path) -> None:
    """Ask every process that trains folds of a run to save and end.

    Raises:
        StorageError: it cannot be written.
    """
    write_bytes(run / STOP, secrets.token_hex(8).encode(), root=run, what="request to stop")


@contextmanager
def obeyed(run: Path, look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Send this process SIGTERM, which saves and ends it, when somebody asks the run to stop during the block."""
    done, before = threading.Event(), asked(run)

    def watch() -> None:
        while not done.wait(look_seconds):
            if asked(run) != before:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=watch, name="foldwise-stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def asked(run: Path) -> bytes | None:
    """Return the word that asks to stop, or None where there is none: another one than before asks anew."""
    try:
        return read_file(run / STOP, run)
    except (OSError, ForeignFileError):
        return None
