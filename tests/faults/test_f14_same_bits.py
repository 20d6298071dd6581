"""F14: the same bits whatever the way: twice, with other workers, resumed anywhere, as jobs, as merged copies."""

import random
import shutil

import pytest

from tests.faults.fault_cases import STREAMED
from tests.faults.fingerprints import fingerprint, require_same
from tests.faults.harness import QUICK, battery, finish, start, train, trained_steps

ARGUMENTS = (
    "data=wine",
    "plugins=[strike_plugin]",
    "model._target_=strike_plugin.Striking",
    "model.hidden=[48,48]",
    "batch_size=16",
    "max_epochs=4",
    "fit.ema_decay=0.9",
    *QUICK,
)
STEPS, STEPS_PER_EPOCH = 24, 6  # of each fold: 89 rows, 16 in a batch, 4 epochs
STREAM = (*STREAMED, "max_epochs=2", "batch_size=16", "model.hidden=[48,48]", *QUICK)


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


@pytest.fixture(scope="module")
def expected_stream(shop):
    train(shop, "run=stream", *STREAM)
    return fingerprint(shop.runs / "stream")


def killed_at(shop, name, step, fold, *saving):
    """Kill a run during a step of a fold, and finish it; return what that printed, and its steps in that fold."""
    strike = {"FOLDWISE_TEST_STRIKE": f"train:{fold}:{step}:kill"}
    process = start(shop, f"run={name}", *ARGUMENTS, *saving, environment=strike)
    assert finish(process) == -9
    finished, steps = trained_steps(shop, f"run={name}", *ARGUMENTS, *saving)
    return finished.out, steps - (1 - fold) * STEPS


def at_epoch(shop, name, epoch, fold):
    """Resume at the boundary before ``epoch`` (from 2)."""
    step = (epoch - 1) * STEPS_PER_EPOCH
    told, steps = killed_at(shop, name, step + 1, fold, "checkpoint.every_n_epochs=1", "checkpoint.background=false")
    assert steps == STEPS - step
    assert f"stopped at epoch {epoch} step {step}" in " ".join(told.split()), told


def mid_epoch(shop, name, step, fold):
    """Resume after ``step - 1`` steps."""
    told, steps = killed_at(shop, name, step, fold, "checkpoint.every_n_steps=1", "checkpoint.background=false")
    assert steps == STEPS - (step - 1)
    assert f"step {step - 1} " in told, told


def jobs(shop, name, together):
    """Run each fold as a job of its own, one after the other or all at once; the last one merges."""
    arguments = [(f"run={name}", f"cv.fold={fold}", *ARGUMENTS) for fold in range(2)]
    if together:
        processes = [start(shop, *job) for job in arguments]
        assert [finish(process) for process in processes] == [0, 0], [process.err for process in processes]
    else:
        for job in arguments:
            train(shop, *job)
    assert (shop.runs / name / "cv.json").exists()


def copies(shop, name):
    """Run the second fold in a copy of the run directory, as on another machine, and merge."""
    train(shop, f"run={name}", "cv.fold=0", *ARGUMENTS)
    elsewhere = shop.directory / "elsewhere"
    shutil.copytree(shop.runs / name, elsewhere / name)
    shutil.rmtree(elsewhere / name / "fold_0")
    train(shop, f"run={name}", f"paths.runs={elsewhere}", "cv.fold=1", *ARGUMENTS)
    assert not (shop.runs / name / "cv.json").exists()
    train(shop, "merge", f"runs/{name}", f"elsewhere/{name}", program="foldwise")  # draws what the runs draw
    shutil.rmtree(elsewhere)


def test_the_same_command_twice(shop, expected):
    train(shop, "run=again", *ARGUMENTS)
    require_same(shop.runs / "again", expected)


def test_resumed_at_the_end_of_an_epoch_and_in_the_middle_of_one(shop, expected):
    at_epoch(shop, "boundary", epoch=3, fold=1)
    require_same(shop.runs / "boundary", expected)
    mid_epoch(shop, "middle", step=10, fold=0)
    require_same(shop.runs / "middle", expected)


def test_jobs_at_once_and_merged_copies(shop, expected):
    jobs(shop, "jobs", together=True)
    require_same(shop.runs / "jobs", expected)
    copies(shop, "copied")
    require_same(shop.runs / "copied", expected)


def test_any_number_of_loader_processes(shop, expected_stream):
    train(shop, "run=workers", *STREAM, "num_workers=3")
    require_same(shop.runs / "workers", expected_stream)


WAYS = (
    "twice",
    *["resumed at an epoch"] * 3,
    *["resumed in an epoch"] * 3,
    "workers",
    "jobs at once",
    "jobs",
    "copies",
)


def go(shop, name, way, drawn):
    """Come to a finished run in one of the ways."""
    fold = drawn.randrange(2)
    if way == "twice":
        train(shop, f"run={name}", *ARGUMENTS)
    elif way == "resumed at an epoch":
        at_epoch(shop, name, drawn.randint(2, 4), fold)
    elif way == "resumed in an epoch":
        mid_epoch(shop, name, drawn.randint(2, STEPS), fold)
    elif way == "workers":
        train(shop, f"run={name}", *STREAM, f"num_workers={drawn.choice([1, 2, 4])}")
    elif way == "copies":
        copies(shop, name)
    else:
        jobs(shop, name, together=way == "jobs at once")


@pytest.mark.battery
def test_many_ways(shop, expected, expected_stream):
    drawn = random.Random(14)

    def one(number, figures):
        name, way = f"r{number}", WAYS[number % len(WAYS)]
        figures[way] += 1
        go(shop, name, way, drawn)
        require_same(shop.runs / name, expected_stream if way == "workers" else expected)

    battery("F14", "ways to the same run", 50, one)
