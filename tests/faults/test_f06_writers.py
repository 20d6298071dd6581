"""F6: runs started in the same second, and two writers on one fold."""

import json
import os
import random
import shutil
import time

import pytest

from tests.faults.fingerprints import differing, fingerprint, leftovers, require_same
from tests.faults.harness import QUICK, battery, finish, kill, start, train, wait_for

SHORT = ("data=iris", "max_epochs=1", "model.hidden=[8]", *QUICK)
FOLD = ("data=wine", "max_epochs=4", "model.hidden=[48,48]", "batch_size=16", "cv.fold=0", *QUICK)
PAUSING = ("plugins=[strike_plugin]", "model._target_=strike_plugin.Striking", *FOLD)
WITHIN_SECONDS = 2.0


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *PAUSING)
    return fingerprint(shop.runs / "whole")


def start_together(shop, n_runs):
    """Start runs without a name in the same second, and expect a directory and the same result for each."""
    before = set(shop.runs.glob("*"))
    time.sleep(1.0 - time.time() % 1.0)
    processes = [start(shop, *SHORT) for _ in range(n_runs)]
    codes = [finish(process) for process in processes]
    assert codes == [0] * n_runs, [process.err for process in processes]
    made = list(set(shop.runs.glob("*")) - before)
    assert len(made) == n_runs
    one = fingerprint(made[0])
    wrong = [f"{run.name}: {found}" for run in made if (found := differing(run, one) + leftovers(run))]
    assert not wrong
    for run in made:
        shutil.rmtree(run)


def held_fold(shop, name, *saving):
    """Start a run that stands still in the middle of fold 0, holding its lock."""
    mark = shop.directory / f"{name}.mark"
    environment = {"FOLDWISE_TEST_STRIKE": "train:0:9:pause", "FOLDWISE_TEST_STRIKE_MARK": str(mark)}
    process = start(shop, f"run={name}", *PAUSING, *saving, environment=environment)
    assert wait_for(mark.exists, process), process.out + process.err
    return process


def refused(shop, name):
    """Start a second writer and expect that it is refused; return the seconds it took after its start-up."""
    unfit = start(shop, f"run={name}", "optimizer.lr=-1", *PAUSING)
    assert finish(unfit) == 2
    second = start(shop, f"run={name}", *PAUSING)
    assert finish(second) == 75, second.out + second.err
    assert "running on" in second.err
    assert len(second.err.splitlines()) <= 5
    return second.seconds - unfit.seconds


def pretend_elsewhere(lock, silent_seconds):
    """Make a lock one of another machine's, last touched some time ago."""
    holder = json.loads(lock.read_bytes())
    lock.write_text(json.dumps(holder | {"host": "elsewhere", "machine": "another boot", "token": "0" * 16}))
    touched = time.time() - silent_seconds
    os.utime(lock, (touched, touched))


def race(shop, name):
    """Start two writers of one fold at once: one trains, the other is refused or finds the fold done."""
    processes = [start(shop, f"run={name}", *PAUSING) for _ in range(2)]
    codes = sorted(finish(process) for process in processes)
    assert codes in ([0, 75], [0, 0]), [process.err for process in processes]
    trained = [process for process in processes if "epoch 4/4" in process.out]
    assert len(trained) == 1
    assert not any("Traceback" in process.err for process in processes)


def test_runs_started_in_the_same_second_get_directories_of_their_own(shop):
    start_together(shop, 3)


def test_the_second_writer_of_a_fold_is_refused_and_a_lock_left_over_is_taken_at_once(shop, expected):
    first = held_fold(shop, "held", "checkpoint.every_n_steps=2")
    assert refused(shop, "held") < WITHIN_SECONDS
    assert kill(first) == -9
    third = train(shop, "run=held", *PAUSING)
    assert "stopped at epoch" in third.out
    require_same(shop.runs / "held", expected)


def test_a_lock_of_another_machine_holds_while_its_heart_beats(shop, expected):
    assert kill(held_fold(shop, "far")) == -9
    lock = shop.runs / "far/fold_0/LOCK"
    pretend_elsewhere(lock, silent_seconds=0)
    assert refused(shop, "far") < WITHIN_SECONDS
    pretend_elsewhere(lock, silent_seconds=120)
    train(shop, "run=far", *PAUSING)
    require_same(shop.runs / "far", expected)


@pytest.mark.battery
def test_many_writers(shop, expected):
    drawn = random.Random(6)

    def one(number, figures):
        kind = ("8 in the same second", "two at once", "refused", "holder killed", "holder silent")[number % 5]
        name = f"w{number}"
        figures[kind] += 1
        if number % 5 == 0:
            start_together(shop, 8)
            return
        if kind == "two at once":
            race(shop, name)
        else:
            seconds = second_writer(shop, name, kind, drawn)
            assert seconds < WITHIN_SECONDS
            figures["slowest refusal, s"] = max(figures["slowest refusal, s"], round(seconds, 2))
        require_same(shop.runs / name, expected)

    battery("F6", "writers of one place", 50, one)


def second_writer(shop, name, kind, drawn):
    """Refuse a second writer; then let the first one finish, or end it and let a third one take over."""
    first = held_fold(shop, name, f"checkpoint.every_n_steps={drawn.randint(1, 4)}")
    seconds = refused(shop, name)
    if kind == "refused":
        (shop.directory / f"{name}.mark").unlink()
        assert finish(first) == 0, first.err
        return seconds
    assert kill(first) == -9
    if kind == "holder silent":
        pretend_elsewhere(shop.runs / name / "fold_0/LOCK", drawn.uniform(61, 4000))
    train(shop, f"run={name}", *PAUSING)
    return seconds
