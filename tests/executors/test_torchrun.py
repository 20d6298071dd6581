"""torchrun on this machine: one job after the other, and all end with the process that follows them."""

import os
import sys
import time

import pytest

from trainer.config.executor import ExecutorConfig
from trainer.executors.contract import FoldJob
from trainer.executors.torchrun import Torchrun

WAITS = "import time; time.sleep(60)"


@pytest.fixture
def engine():
    return Torchrun(ExecutorConfig(name="torchrun", nproc=2))


@pytest.fixture
def job(tmp_path):
    (tmp_path / "folds.json").touch()
    return lambda fold, code: FoldJob(fold, (sys.executable, "-c", code), tmp_path, tmp_path)


def states(engine, names):
    return [engine.states(names)[name].state for name in names]


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_jobs_run_one_after_the_other(engine, job, tmp_path):
    touches = "import pathlib; pathlib.Path('{0}').touch(); assert pathlib.Path('{1}').exists() == ({0} == 1)"
    names = engine.submit([job(n, touches.format(n, 1 - n)) for n in (0, 1)])
    until(lambda: states(engine, names) == ["gone", "gone"])
    assert (tmp_path / "jobs/fold_1.json").read_text().count('"code": 0') == 1
    assert states(engine, ["7"]) == ["gone"]  # of an earlier process


def test_cancelling_ends_the_one_that_runs_and_forgets_the_others(engine, job, tmp_path):
    names = engine.submit([job(n, WAITS) for n in (0, 1)])
    until(lambda: engine._jobs[names[0]][0].child is not None)
    assert states(engine, names) == ["running", "waiting"]
    pid = engine._jobs[names[0]][0].child.pid
    engine.cancel([*names, "7"])
    assert states(engine, names) == ["gone", "gone"]
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    assert not (tmp_path / "jobs/fold_1.json").exists()
