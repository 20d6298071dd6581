"""Whole processes: run to their end and measured."""

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.5  # looking takes time from the cores that are measured


@dataclass(frozen=True)
class Measured:
    """One process: ``seconds`` by the clock and of processor time, peak resident MiB, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def measured(command: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None) -> Measured:
    """Run ``python command`` to its end; where it fails, this process ends with what it printed last."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(f"python {' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


class Memory:
    """Looks, while it is entered, how much memory the processes that this one has started hold together.

    What processes share is counted once (PSS). ``peak_mib`` is the most there was.

    Args:
        what: is counted, as ``smaps_rollup`` calls it: ``Pss`` all, ``Pss_Anon`` what is no file's. Pages of mapped
            files give way to whoever needs the room.
    """

    def __init__(self, what: str = "Pss") -> None:
        self._what = what

    def __enter__(self) -> "Memory":
        self.peak_mib, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            held = sum(_kib(pid, self._what) for pid in _below(os.getpid()))
            self.peak_mib = max(self.peak_mib, held / 1024)


def _below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_below(child)]
    return found


def _kib(pid: int, what: str) -> int:
    with suppress(OSError, IndexError, ValueError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{what}:")), 0)
    return 0


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
