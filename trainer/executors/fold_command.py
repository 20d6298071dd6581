"""What is done on the machine that an engine has chosen for a fold: run the command, keep its words and how it ended.

The command is a process of its own: it saves and ends by itself at SIGTERM and SIGUSR1, whatever the engine's own
handlers do, and a crash of it is told by its exit code.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from trainer.errors import FoldBusyError, FoldwiseError
from trainer.executors.contract import FoldJob
from trainer.store.own_files import JOBS, MARK
from trainer.system.files import make_directory, write_bytes
from trainer.system.folders import read_file
from trainer.system.resources import killed_for_memory, memory_limit_bytes
from trainer.wording.translations import _

MOST_LINES = 5
TAIL_BYTES = 4096
FINAL_CODES = (1, 2, 3, 4, 5)  # what another try would not mend: 6 may be the disk of one machine
LOST_CODE = FoldBusyError.exit_code  # another process of the fold is gone
TOLD_SECONDS = 5.0  # from the end of the first machine's command to that of the one with the fault
KILLED_CODES = (-signal.SIGKILL, 128 + signal.SIGKILL)
OUT_OF_MEMORY = "out of memory"  # as Slurm has it too
GIB = 1 << 30
ASKED_CODES = (128 + signal.SIGINT, 128 + signal.SIGTERM)  # somebody has asked it to save and end
TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG of Linux
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Attempt:
    """One try at a fold, as its job has noted it.

    Attributes:
        number: 1 for the first.
        host: name of the machine.
        started: seconds since the epoch, by that machine's clock.
        code: exit code of the command (minus the number of a signal that killed it); None while it runs, or where the
            job was lost with it.
        said: last words of the command, where it failed.
        lacked: ``out of memory``, with the limit where there is one, where the kernel has killed some of its processes.
    """

    number: int
    host: str
    started: float
    code: int | None = None
    said: str = ""
    lacked: str = ""


class RunFold:
    """Callable that trains a fold; engines pickle it, so it holds plain values only."""

    def __init__(self, job: FoldJob) -> None:
        self.job = job
        self.child: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Train the fold, or go on with it; return the exit code of the command."""
        job = self.job
        if not (job.run / MARK).is_file():
            said = f"{machine()} does not see {job.run}: the run directory must lie on a shared file system"
            raise FileNotFoundError(said)
        before = read_attempt(job.run, job.fold)
        attempt = Attempt(1 if before is None else before.number + 1, machine(), time.time())
        first = os.environ.get("SLURM_PROCID", "0") == "0"  # of the machines of a job
        if first:
            _note(job, attempt)
        with log_path(job.run, job.fold).open("ab") as log:
            start, killed = log.tell(), killed_for_memory()
            command = _tied(job.command)
            self.child = subprocess.Popen(
                command, cwd=job.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
            with _passing_on(self.child):
                code = self.child.wait()
        said = _last_words(log_path(job.run, job.fold), start) if code else ""
        lacked = _out_of_memory(code) if killed_for_memory() > killed else ""
        if first and not (code == LOST_CODE and _is_told_elsewhere(job)):
            _note(job, replace(attempt, code=code, said=said, lacked=lacked))
        elif not first and (lacked or code in FINAL_CODES):  # the first knows no more than that a process is gone
            number = (read_attempt(job.run, job.fold) or attempt).number
            _note(job, replace(attempt, number=number, code=code, said=said, lacked=lacked))
        return code

    def checkpoint(self) -> Any:
        """Let the command save and end, and return what is to be requeued: submitit asks, when Slurm has warned.

        The command may have been told by Slurm already, which is the same to it. This is called in a signal handler,
        while the same thread waits for the command in ``__call__``: that holds the lock of ``Popen.wait``, and a second
        call of it would wait for ever.
        """
        from submitit.helpers import DelayedSubmission

        if self.child is not None:
            with suppress(ProcessLookupError, ChildProcessError):  # it has ended
                os.kill(self.child.pid, signal.SIGUSR1)
                os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(RunFold(self.job))


class _passing_on:  # noqa: N801 a context manager, used like a function
    """Pass SIGTERM and SIGINT on to the command, which saves and ends; engines send them to this process alone."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._pass)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _pass(self, number: int, frame: FrameType | None) -> None:
        if self.child.poll() is None:
            self.child.send_signal(number)


def _is_told_elsewhere(job: FoldJob) -> bool:
    """Wait until another machine of the job has noted what was wrong there; return whether one has."""
    until = time.monotonic() + (TOLD_SECONDS if int(os.environ.get("SLURM_NNODES", "1")) > 1 else 0)
    while (last := read_attempt(job.run, job.fold)) is None or last.code is None:
        if time.monotonic() >= until:
            return False
        time.sleep(0.1)
    return True


def may_try_again(code: int, lacked: str = "") -> bool:
    """Return whether another try may mend what a command ended with: killed, say, or no room on a disk."""
    return code != 0 and code not in ASKED_CODES and (bool(lacked) or code not in FINAL_CODES)


def _out_of_memory(code: int) -> str:
    """Say that memory ran out, in a job that ended so; without a limit of its own it may have been another's."""
    limit = memory_limit_bytes()
    if code == 0 or (limit is None and code not in KILLED_CODES):
        return ""
    return OUT_OF_MEMORY + (f" (limit {limit / GIB:.3g} GiB)" if limit else "")


def _tied(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command that is asked to save and end when this process dies.

    Engines that kill no more than the process they have started would leave it to train beside its own next try.
    """
    if sys.platform != "linux":
        return command
    return (sys.executable, "-I", "-S", "-c", TIED, str(os.getpid()), *command)


def machine() -> str:
    """Return the name of this machine, as Slurm calls it where it is one of its nodes."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def log_path(run: Path, fold: int | str) -> Path:
    """Return where the words of a fold's job are kept."""
    return run / JOBS / f"fold_{fold}.log"


def read_attempt(run: Path, fold: int | str) -> Attempt | None:
    """Return the last try at a fold by a job, or None."""
    try:
        values = json.loads(read_file(run / JOBS / f"fold_{fold}.json", run))
        known = {field.name for field in fields(Attempt)}
        return Attempt(**{name: value for name, value in values.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def last_line(run: Path, fold: int | str) -> str:
    """Return the last line a fold's job has printed ("" where there is none)."""
    lines = _tail(log_path(run, fold), 0).splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")


def _note(job: FoldJob, attempt: Attempt) -> None:
    make_directory(job.run / JOBS, job.run)
    data = json.dumps(asdict(attempt), ensure_ascii=False).encode()
    write_bytes(job.run / JOBS / f"fold_{job.fold}.json", data, root=job.run, what="record of the job")


def _last_words(log: Path, start: int) -> str:
    """Return the error a command ended with: from the last line that begins one, or else the last lines."""
    lines = [line for line in _tail(log, start).splitlines() if line.strip()]
    errors = tuple(f"{_(kind.kind)}: " for kind in FoldwiseError.__subclasses__())
    begins = [n for n, line in enumerate(lines) if line.startswith(errors)]
    return "\n".join(lines[begins[-1] :][:MOST_LINES] if begins else lines[-MOST_LINES:])


def _tail(log: Path, start: int) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
