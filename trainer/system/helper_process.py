"""A process of this package's own beside a run, that training never waits for: lines of JSON to it and from it."""

import os
import signal
import subprocess
import sys
from typing import TextIO

from trainer.system.paths import import_path

NICE = 10  # the priority: folds that train go first


def start_helper(module: str) -> "subprocess.Popen[str]":
    """Start a module of this package with pipes to its standard input and from its standard output.

    Raises:
        OSError: no process can be started just now.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": import_path()},
    )


def as_helper() -> TextIO:
    """Make this process one that is not ended by what ends the run; return where its report goes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # the run ends by them, and with it the input
    os.nice(NICE)
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    return report
