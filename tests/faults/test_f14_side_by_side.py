"""F14 and F3 with cv.parallel: side by side the same bits, whatever is killed or interrupted on the way."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.battery import some_of
from tests.faults.fault_cases import STREAMED
from tests.faults.fingerprints import fingerprint, leftovers, require_same
from tests.faults.harness import QUICK, battery, ended, finish, send, start, train, wait, wait_for

ARGUMENTS = (
    "data=wine",
    "plugins=[strike_plugin]",
    "model._target_=strike_plugin.Striking",
    "model.hidden=[48,48]",
    "batch_size=16",
    "max_epochs=4",
    "checkpoint.every_n_steps=3",
    *QUICK[1:],
    "cv.n_splits=4",
)
SIDE_BY_SIDE = "cv.parallel=2"


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


def children(pid):
    """Return the processes that ``pid`` has started."""
    return [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]


def paused(shop, name, at, *options):
    """Start a run whose processes stand still at a training step of their first folds."""
    mark = shop.directory / f"{name}.mark"
    strike = {"FOLDWISE_TEST_STRIKE": f"train:0:{at}:pause", "FOLDWISE_TEST_STRIKE_MARK": str(mark)}
    process = start(shop, f"run={name}", *ARGUMENTS, SIDE_BY_SIDE, *options, environment=strike)
    assert wait_for(mark.exists, process), process.out + process.err
    workers = children(process.pid)
    assert len(workers) == 2
    return process, workers, mark


def let_go(process, mark):
    """Let a run go on to its end and return the exit code."""
    until = time.monotonic() + 60
    while ended(process) is None and time.monotonic() < until:
        mark.unlink(missing_ok=True)
        time.sleep(0.01)
    return finish(process, 1)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def require_gone(workers):
    until = time.monotonic() + 5
    while any(map(is_running, workers)):
        assert time.monotonic() < until, "a process is left over"
        time.sleep(0.01)


def finished(shop, name, expected, *options):
    """Finish a run with the same command and compare."""
    train(shop, f"run={name}", *ARGUMENTS, SIDE_BY_SIDE, *options)
    require_same(shop.runs / name, expected)


def interrupted(shop, name, number, at, expected, group=False):
    process, workers, mark = paused(shop, name, at)
    for pid in workers if group else ():
        os.kill(pid, number)
    send(process, number)
    wait(process, 0.3)
    code = let_go(process, mark)
    assert code == 128 + number, process.out + process.err
    assert f"{signal.Signals(number).name}: stopped; resume with: python train.py" in process.err
    assert "Traceback" not in process.err
    assert list((shop.runs / name).glob("fold_*/step-*.json"))
    assert not list((shop.runs / name).glob("fold_*/DONE"))
    assert leftovers(shop.runs / name, finished=False) == []
    require_gone(workers)
    finished(shop, name, expected)


def worker_killed(shop, name, at, expected):
    process, workers, mark = paused(shop, name, at)
    os.kill(workers[0], signal.SIGKILL)
    assert let_go(process, mark) == 1, process.out + process.err
    assert "its process was ended by SIGKILL" in process.err
    assert "Traceback" not in process.err
    assert len(list((shop.runs / name).glob("fold_*/DONE"))) == 3, process.err
    require_gone(workers)
    finished(shop, name, expected)


def parent_killed(shop, name, at, expected):
    process, workers, mark = paused(shop, name, at)
    send(process, signal.SIGKILL)
    assert finish(process) == -9
    require_gone(workers)
    mark.unlink(missing_ok=True)
    finished(shop, name, expected)


def test_side_by_side_is_the_same_bits(shop, expected):
    finished(shop, "both", expected)


def test_loader_processes_of_folds_that_are_trained_side_by_side(shop):
    options = (*STREAMED, "max_epochs=2", "batch_size=16", "model.hidden=[48,48]", *QUICK)
    train(shop, "run=stream", *options)
    expected = fingerprint(shop.runs / "stream")
    train(shop, "run=loaders", *options, "num_workers=2", SIDE_BY_SIDE)
    require_same(shop.runs / "loaders", expected)


@pytest.mark.parametrize("number", some_of([signal.SIGTERM, signal.SIGINT], [signal.SIGINT]))
def test_a_signal_saves_every_fold_at_hand(shop, expected, number):
    interrupted(shop, f"signal-{number}", number, 8, expected, group=number == signal.SIGINT)


@pytest.mark.battery  # tests/executors/test_pool_runs.py has it with forks of the tests' own process
def test_a_process_that_is_killed_costs_its_fold_alone(shop, expected):
    worker_killed(shop, "killed", 9, expected)


def test_a_killed_run_leaves_no_process(shop, expected):
    parent_killed(shop, "gone", 7, expected)


@pytest.mark.battery
def test_many_deaths(shop, expected):
    drawn = random.Random(41)

    def one(number, figures):
        name, at = f"b{number}", drawn.randint(1, 20)
        way = ("a signal", "a signal to all", "a process killed", "the run killed", "nothing")[number % 5]
        figures[way] += 1
        if way.startswith("a signal"):
            numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
            interrupted(shop, name, drawn.choice(numbers), at, expected, group=way == "a signal to all")
        elif way == "nothing":
            finished(shop, name, expected)
        else:
            (worker_killed if way == "a process killed" else parent_killed)(shop, name, at, expected)

    battery("F14", "folds side by side, killed and interrupted", 50, one)
