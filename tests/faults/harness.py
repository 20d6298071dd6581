"""Runs of train.py, and other commands, that are killed, interrupted and starved; the loop and records of the battery.

``forked`` ones are children of a fork server (see ``fork_server``), the others processes from scratch.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path

from tests.places import REPOSITORY

HERE = Path(__file__).resolve().parent
RECORDS = Path(os.environ.get("FOLDWISE_BATTERY_RECORDS", REPOSITORY / "build/battery.jsonl"))
WHOLE = (
    "cv.n_splits=2",
    "cv.parallel=1",
    "preflight=off",
    "profile.enabled=false",
    "tracker.name=none",
    "runtime.progress=plain",
)
QUICK = (*WHOLE, "audit=off", "baseline=off")  # a third of such a run's time, and no part of its fingerprint
PROGRAMS = {"train.py": (str(REPOSITORY / "train.py"),), "foldwise": ("-m", "trainer")}
LONGEST_SECONDS = 120.0  # a run that takes longer hangs
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": f"{HERE}{os.pathsep}{REPOSITORY}",
    "MPLBACKEND": "agg",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # only a process with one thread is forked safely
}
_numbers = count()


@dataclass
class Process:
    """A run of train.py.

    Attributes:
        notes: where its output goes.
        pid: of the process.
        started: by ``time.perf_counter``.
        popen: None where the fork server is its parent.
        seconds: it took; NaN while it runs.
    """

    notes: Path
    pid: int
    started: float
    popen: subprocess.Popen | None = None
    seconds: float = field(default=float("nan"))

    @property
    def out(self) -> str:
        return (self.notes / "out").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return (self.notes / "err").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Workshop:
    """Where runs are made.

    Attributes:
        directory: every run is started in it; the runs are in ``runs``.
        server: the fork server.
    """

    directory: Path
    server: subprocess.Popen

    @property
    def runs(self) -> Path:
        return self.directory / "runs"


@contextmanager
def fork_server(figures: bool) -> Iterator[subprocess.Popen]:
    """Start the fork server, whose runs render their figures or do not; its children end with the block."""
    server = subprocess.Popen(
        [sys.executable, HERE / "fork_server.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | ENVIRONMENT | {"FOLDWISE_TEST_FIGURES": "1" if figures else ""},
        start_new_session=True,
    )
    try:
        assert server.stdout.readline() == b"ready\n"
        yield server
    finally:
        server.stdin.close()
        server.wait(LONGEST_SECONDS)
        server.stdout.close()


def start(
    shop: Workshop,
    *arguments: str,
    program: str = "train.py",
    forked: bool = True,
    environment: dict[str, str] | None = None,
    largest_file_bytes: int | None = None,
) -> Process:
    """Start ``python train.py ARGUMENTS``, or ``foldwise ARGUMENTS``, in the workshop's directory."""
    notes = shop.directory / "notes" / f"{next(_numbers):05d}"
    notes.mkdir(parents=True)
    if not forked:
        command = [*PROGRAMS[program], *arguments]
        return _start_from_scratch(shop, notes, command, environment or {}, largest_file_bytes)
    request = {
        "program": program,
        "arguments": arguments,
        "directory": str(shop.directory),
        "notes": str(notes),
        "environment": environment or {},
        "largest_file_bytes": largest_file_bytes,
    }
    started = time.perf_counter()
    shop.server.stdin.write(json.dumps(request).encode() + b"\n")
    shop.server.stdin.flush()
    while not (notes / "pid").exists():
        assert shop.server.poll() is None, "the fork server has ended"
        time.sleep(0.001)
    return Process(notes, int((notes / "pid").read_text()), started)


def _start_from_scratch(
    shop: Workshop,
    notes: Path,
    command: Sequence[str],
    environment: dict[str, str],
    largest_file_bytes: int | None,
) -> Process:
    limit = largest_file_bytes
    limited = None if limit is None else partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))
    started = time.perf_counter()
    with (notes / "out").open("wb") as out, (notes / "err").open("wb") as err:
        popen = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=shop.directory,
            env=os.environ | ENVIRONMENT | environment,
            preexec_fn=limited,
        )
    return Process(notes, popen.pid, started, popen)


def ended(process: Process) -> int | None:
    """Return the exit code (minus the number of a signal that ended it), or None while it runs."""
    if process.popen is not None:
        code = process.popen.poll()
    else:
        noted = process.notes / "code"
        code = int(noted.read_text()) if noted.exists() else None
    if code is not None and process.seconds != process.seconds:
        process.seconds = time.perf_counter() - process.started
    return code


def wait(process: Process, seconds: float = LONGEST_SECONDS) -> int | None:
    """Wait for the end and return the exit code, or None after ``seconds``."""
    until, pause = time.perf_counter() + seconds, 0.002
    while (code := ended(process)) is None and time.perf_counter() < until:
        time.sleep(pause)
        pause = min(0.02, 1.1 * pause)
    return code


def finish(process: Process, seconds: float = LONGEST_SECONDS) -> int:
    """Wait for the end; a process that does not end is killed, and that is a failure."""
    code = wait(process, seconds)
    if code is None:
        kill(process)
        raise AssertionError(f"still running after {seconds} s\n{process.out}{process.err}")
    return code


def send(process: Process, number: int) -> None:
    """Send a signal, unless the process has ended."""
    if ended(process) is None:
        os.kill(process.pid, number)


def kill(process: Process) -> int:
    """SIGKILL, and wait; -9 where it was still running."""
    send(process, signal.SIGKILL)
    code = wait(process, 10)
    assert code is not None
    return code


def wait_for(what: Callable[[], object], process: Process | None = None, seconds: float = LONGEST_SECONDS) -> bool:
    """Wait until ``what()`` is true; False if the process ends before it."""
    until = time.perf_counter() + seconds
    while not what():
        if process is not None and ended(process) is not None:
            return bool(what())
        assert time.perf_counter() < until, "waited too long"
        time.sleep(0.001)
    return True


def train(shop: Workshop, *arguments: str, **options) -> Process:
    """Run train.py to its end and expect that it succeeds."""
    process = start(shop, *arguments, **options)
    code = finish(process)
    assert code == 0, f"exit {code}: {' '.join(arguments)}\n{process.out[-3000:]}{process.err}"
    return process


def trained_steps(shop: Workshop, *arguments: str) -> tuple[Process, int]:
    """Run train.py with ``strike_plugin`` to its end; return it and how many steps this process trained."""
    passes = shop.directory / f"{next(_numbers)}.passes"
    passes.touch()
    process = train(shop, *arguments, environment={"FOLDWISE_TEST_PASSES": str(passes)})
    return process, passes.stat().st_size


def write_texts(path: Path, n_rows: int = 96) -> None:
    """Write a small table of texts of two kinds."""
    drawn = random.Random(0)
    good, bad, both = ["good", "fine", "great", "真好"], ["bad", "poor", "awful", "太差"], ["film", "plot", "a", "the"]
    lines = ["text,label"]
    for row in range(n_rows):
        words = drawn.choices((good if row % 2 else bad) + both, k=drawn.randint(1, 9))
        lines.append(f"{' '.join(words)},{'pos' if row % 2 else 'neg'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def wanted_count(fault: str, default: int) -> int:
    """Return how often a battery repeats: ``FOLDWISE_BATTERY_F1=100`` overrides the default."""
    return int(os.environ.get(f"FOLDWISE_BATTERY_{fault}", default))


def battery(fault: str, what: str, default: int, one: Callable[[int, Counter[str]], None]) -> None:
    """Try something many times, print how far it is, and record what came out.

    Args:
        fault: F1, F2, ...
        what: is tried, in words.
        default: how often; ``FOLDWISE_BATTERY_<fault>`` overrides it.
        one: tries number i; AssertionError where it is not as required. Puts figures worth showing into the counter.
    """
    wanted, began = wanted_count(fault, default), time.perf_counter()
    figures: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(wanted):
        try:
            one(number, figures)
        except AssertionError as error:
            wrong.append(f"number {number}: {error}")
            print(f"{fault}: {wrong[-1]}", file=sys.__stderr__, flush=True)
        if (number + 1) % max(1, wanted // 20) == 0:
            print(f"{fault}: {number + 1}/{wanted}, wrong {len(wrong)}", file=sys.__stderr__, flush=True)
    seconds = round(time.perf_counter() - began)
    record(fault, what, tried=wanted, good=wanted - len(wrong), seconds=seconds, figures=dict(figures))
    assert not wrong, "\n\n".join(wrong)


def record(fault: str, what: str, *, tried: int, good: int, seconds: int, figures: dict[str, object]) -> None:
    """Append what a battery did to the file the scoreboard is made from."""
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    found = {"fault": fault, "what": what, "tried": tried, "good": good, "seconds": seconds, "figures": figures}
    with RECORDS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found | {"date": str(date.today())}, ensure_ascii=False) + "\n")
