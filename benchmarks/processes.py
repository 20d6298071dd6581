"""Whole processes: run to their end and measured."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread


@dataclass(frozen=True)
class Measured:
    """One process: ``seconds`` by the clock and of processor time, peak resident MiB, and what it printed.

    ``anonymous_mib`` is the peak of what it and its children held of memory that is no file's, looked at every half
    second: pages of mapped files give way to whoever needs the room.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str
    anonymous_mib: float


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
        watched = Watched(process.pid)
        watched.start()
        _, status, usage = os.wait4(process.pid, 0)
        watched.over.set()
        watched.join()
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(f"python {' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text, watched.peak_mib)


class Watched(Thread):
    """Looks at the anonymous memory of a process and its children until ``over`` is set; ``peak_mib`` is the most."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.over, self.peak_mib = pid, Event(), 0.0

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.peak_mib = max(self.peak_mib, sum(map(anonymous_mib, family(self.pid))))


def family(pid: int) -> list[int]:
    """Return a process and its children, and theirs; without those that have ended."""
    found = [pid]
    for member in found:
        with suppress(OSError):
            for thread in Path(f"/proc/{member}/task").iterdir():
                found += map(int, (thread / "children").read_text(encoding="utf-8").split())
    return found


def anonymous_mib(pid: int) -> float:
    """Return the memory of a process that is no file's; 0 where it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0.0


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
