"""A process that runs one command line of train.py after the other, and what watches it: a line that hangs is killed.

A line hangs when it computes for too long, or waits for nothing; not where it waits for a core that others have.
Requests and answers are JSON lines: the arguments in, ``[exit code, standard output, standard error]`` out. Starting a
process costs seconds, a command line that is refused a third of one. Figures are rendered as ``fork_server`` does.
"""

import contextlib
import io
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import composed_once
from tests.faults.harness import LONGEST_SECONDS
from tests.places import REPOSITORY

MOST_BYTES = 12 * 2**30  # of data: a model of terabytes is refused at once, whatever the machine would promise
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Ended:
    """How a command line ended.

    Attributes:
        code: exit code; None where it had to be killed, or took the process with it.
        out: standard output.
        err: standard error.
        seconds: it took.
    """

    code: int | None
    out: str
    err: str
    seconds: float


@dataclass
class InTurn:
    """Runs command lines in a directory, one after the other; the process is started again after one that hangs.

    Attributes:
        directory: they are run in.
        seconds: the longest one may take, of processor time.
        idle_seconds: the longest one may compute nothing.
        figures: whether those of reports are rendered.
        process: that runs them; None before the first and after one that hung.
    """

    directory: Path
    seconds: float = LONGEST_SECONDS
    idle_seconds: float = LONGEST_SECONDS
    figures: bool = False
    process: subprocess.Popen | None = field(default=None)

    def run(self, line: Sequence[str]) -> Ended:
        """Run one command line."""
        process = self.process = self.process or self._start()
        started = time.perf_counter()
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()
        in_time = self._answers(process)
        answer = process.stdout.readline() if in_time else b""
        seconds = time.perf_counter() - started
        if answer:
            return Ended(*json.loads(answer), seconds)
        self.close()
        return Ended(None, "", f"killed after {seconds:.0f} s" if not in_time else "the process has ended", seconds)

    def _answers(self, process: subprocess.Popen) -> bool:
        begun = used = cpu_seconds(process.pid)
        since = time.perf_counter()
        while not select.select([process.stdout], [], [], min(1.0, self.idle_seconds))[0]:
            now, used_before, used = time.perf_counter(), used, cpu_seconds(process.pid)
            since = now if used > used_before else since
            if used - begun > self.seconds or now - since > self.idle_seconds:
                return False
        return True

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # with what it has started, such as a compiler
            self.process.communicate()
            self.process = None

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.in_turn"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.directory,
            env=os.environ | ENVIRONMENT | {"FOLDWISE_TEST_FIGURES": "1" if self.figures else ""},
            start_new_session=True,
        )
        assert process.stdout.readline() == b"ready\n"
        return process


def cpu_seconds(group: int) -> float:
    """Return the processor time that the processes of a group, and those they have waited for, have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def serve() -> None:
    """Answer requests until the input ends."""
    import train as script
    import trainer.run.cross_validate  # noqa: F401 not in the time of the first command line
    from trainer.config.compose import composed
    from trainer.errors import guarded

    composed_once.quicken()
    composed_once.UNCHANGED.add(str(Path("own").resolve()))  # what every line names
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    print("ready", file=answers, flush=True)
    for request in sys.stdin:
        sys.argv = ["train.py", *json.loads(request)]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            try:
                code = guarded(lambda: composed(script.main, script.check))
            except SystemExit as left:
                code = left.code
            except BaseException as error:  # a fault to be told
                code, _ = 1, print(f"Traceback: {error!r}", file=err)
        print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)
        shutil.rmtree("runs", ignore_errors=True)


if __name__ == "__main__":
    serve()
