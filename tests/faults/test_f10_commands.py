"""F10, the other commands: whatever is typed works or is refused, and only what was named is written."""

import contextlib
import io
import os
import random
import shutil
import signal
from collections import Counter
from functools import partial
from types import SimpleNamespace

import pytest

from tests.faults.command_lines import shown
from tests.faults.command_words import NAMES, command_line, write_folder
from tests.faults.foreign_cases import fingerprint
from tests.faults.harness import battery
from tests.faults.in_turn import Ended
from tests.faults.test_f10_command_lines import fault
from trainer.cli.main import main as foldwise

CODES = (0, 2, 3, 4, 6)
SECONDS = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A function that types a command in a folder, and the folder as it was before."""
    write_folder(tmp_path / "as it was")
    serve = SimpleNamespace(run=lambda *_, **__: None)  # they would do so until they are stopped
    monkeypatch.setattr("trainer.cli.tensorboard.subprocess", serve)
    monkeypatch.setattr("uvicorn.Server.run", serve.run)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    here = tmp_path / "here"
    shutil.copytree(tmp_path / "as it was", here, symlinks=True)
    monkeypatch.chdir(here)
    return here, tmp_path / "as it was", fingerprint(tmp_path)


def typed(line):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), in_time():
        code = foldwise(line)
    return Ended(code, out.getvalue(), err.getvalue(), 0.0)


@contextlib.contextmanager
def in_time():
    def stop(*_):
        raise AssertionError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def try_command(folder, seed, number, figures):
    here, as_it_was, before = folder
    drawn = random.Random(f"{seed} {number}")
    name = NAMES[number % len(NAMES)]
    line = [name, *command_line(drawn, name)]
    try:
        ended = typed(line)
    except BaseException as error:
        raise AssertionError(f"{error!r}: {shown(line)}") from error
    figures[f"exit {ended.code}"] += 1
    found = fault(ended) or (None if ended.code in CODES else f"exit {ended.code}")
    after = fingerprint(here.parent)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    if changed:
        shutil.rmtree(here)
        shutil.copytree(as_it_was, here, symlinks=True)
        os.chdir(here)  # the folder that was here is gone
    named = [f"here/{word}" for word in outputs(line) if word]
    outside = [path for path in changed if not any(path == one or path.startswith(f"{one}/") for one in named)]
    assert found is None, f"{found}: {shown(line)}\n{ended.err[:2000]}"
    assert not outside, f"{outside} written: {shown(line)}"


def outputs(line):
    """Return the words of a line that may name what it writes: of ``--out`` and such, a second file, the merged run."""
    options = ("--out", "--csv", "--html")
    values = [word.partition("=")[2] for word in line if word.partition("=")[0] in options]
    values += [line[place + 1] for place, word in enumerate(line[:-1]) if word in options]
    return values + (line[1:] if line[0] in ("convert", "decide", "merge", "report", "stop") else [])


def test_some_lines_of_each_command(folder):
    figures = Counter()
    for number in range(3 * len(NAMES)):
        try_command(folder, "short", number, figures)
    assert figures["exit 0"] > 0
    assert figures["exit 2"] > 0


@pytest.mark.battery
def test_commands(folder):
    here, as_it_was, _ = folder
    shutil.rmtree(here / "runs/a1")
    quick = ("data=iris", "max_epochs=1", "cv.n_splits=2", "profile=off", "tracker=none", "runtime.progress=off")
    assert foldwise(["train", *quick, "run=a1"]) == 0
    shutil.rmtree(as_it_was)
    shutil.copytree(here, as_it_was, symlinks=True)
    folder = here, as_it_was, fingerprint(here.parent)
    what = f"foldwise {', '.join(NAMES)}"
    battery("F10", what, 3000, partial(try_command, folder, "battery"))
