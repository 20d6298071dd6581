"""F1: SIGKILL at random times, up to four times per run; the same command then finishes it, to the same bits."""

import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.battery import some_of
from tests.faults.fault_cases import CASES, command
from tests.faults.fingerprints import fingerprint, require_same
from tests.faults.harness import battery, ended, finish, kill, start, train, wait, wait_for

GATE = {"table O2 fp16, EMA": ("max_epochs=2",), "text O1 bf16, EMA": ("max_epochs=2",)}


@dataclass
class Reference:
    """A run nobody interrupted."""

    found: dict[str, str]
    seconds: float


def reference(shop, case, *shorter):
    name = f"whole-{case.replace(' ', '-').replace(',', '')}"
    done = train(shop, f"run={name}", *command(case), *shorter)
    return Reference(fingerprint(shop.runs / name), done.seconds)


def saving(drawn):
    """Draw when to save, and whether in the background: nothing of that may change a bit."""
    every = ["checkpoint.every_n_steps=" + str(drawn.randint(1, 5)), "checkpoint.every_n_epochs=1"]
    chosen = every if drawn.random() < 0.2 else every[:1]
    return [*chosen, f"checkpoint.background={str(drawn.random() < 0.7).lower()}"]


def kill_once(process, run, drawn, longest_seconds):
    """Kill the process at a random time; return what it was doing, or None if it had ended before."""
    aim = drawn.choice(["anywhere", "training", "saving"])
    if aim == "saving":
        wait_for(lambda: list(run.glob(f"fold_*/step-*.tmp.{process.pid}-*")), process)
    elif aim == "training":
        wait_for(lambda: trains(process, run), process)
        wait(process, drawn.uniform(0, longest_seconds / 3))
    else:
        wait(process, drawn.uniform(0, longest_seconds))
    if ended(process) is not None:
        assert finish(process) == 0, process.err
        return None
    return None if kill(process) == 0 else phase(process, run)


def trains(process, run):
    """Return whether the process holds the lock of a fold."""
    for lock in run.glob("fold_*/LOCK"):
        try:
            if json.loads(lock.read_bytes())["pid"] == process.pid:
                return True
        except (FileNotFoundError, ValueError):
            continue
    return False


def phase(process, run):
    """Return what a killed process was doing, from what it left."""
    if list(run.glob(f"fold_*/step-*.tmp.{process.pid}-*")):
        return "kills while saving"
    if list(run.rglob(f"*.tmp.{process.pid}-*")):
        return "kills while writing results"
    return "kills while training" if trains(process, run) else "kills before or after training"


def killed_run(shop, name, arguments, drawn, expected, most_kills=4, ways=((),)):
    """Kill a run a few times, finish it with the same command, and compare; return the kills by what they hit.

    Each command is one of the ``ways``, options that change nothing of the results.
    """
    arguments = (f"run={name}", *arguments, *saving(drawn))
    kills = Counter()
    for _ in range(drawn.randint(1, most_kills)):
        process = start(shop, *arguments, *drawn.choice(ways))
        struck = kill_once(process, shop.runs / name, drawn, expected.seconds)
        assert "passed over" not in process.out, process.out  # no checkpoint is damaged by a kill
        if struck is None:
            break
        kills[struck] += 1
    make_older(shop.runs / name)
    assert "passed over" not in train(shop, *arguments, *drawn.choice(ways)).out
    require_same(shop.runs / name, expected.found)
    return kills


def make_older(run):
    """Make half-written files in the run directory two minutes old: other jobs write there, so young ones are kept."""
    for partial in run.glob("*.tmp.*"):
        os.utime(partial, (time.time() - 120, time.time() - 120))


@pytest.mark.parametrize("case", some_of(GATE, ["table O2 fp16, EMA"]))
def test_a_killed_run_is_finished_by_the_same_command_to_the_same_bits(shop, case):
    drawn, expected, kills = random.Random(case), reference(shop, case, *GATE[case]), Counter()
    for number in range(2):
        arguments = (*command(case), *GATE[case])
        kills += killed_run(shop, f"{case[:5]}{number}", arguments, drawn, expected, most_kills=2)
    assert kills.total() >= 1


def test_what_a_kill_after_the_end_of_a_fold_leaves_is_removed(shop):
    arguments = ("run=late", *command("table O0"), "checkpoint.every_n_steps=5")
    process = start(shop, *arguments)
    done = shop.runs / "late/fold_0/DONE"
    assert wait_for(done.parent.joinpath("LOCK").exists, process)
    lock = done.with_name("LOCK").read_bytes()
    assert finish(process) == 0
    for name in ("LOCK", "step-00000024.json", "step-00000024.pt", "DONE.tmp.12-abcdef"):
        done.with_name(name).write_bytes(lock)
    (shop.runs / "late/oof.parquet.tmp.12-abcdef").write_bytes(lock)
    make_older(shop.runs / "late")
    found = fingerprint(shop.runs / "late")
    train(shop, *arguments)
    require_same(shop.runs / "late", found)


@pytest.mark.battery
def test_many_killed_runs(shop):
    drawn, expected = random.Random(20), {}

    def one(number, figures):
        case = list(CASES)[number % len(CASES)]
        if case not in expected:
            expected[case] = reference(shop, case)
        kills = killed_run(shop, f"r{number}", command(case), drawn, expected[case])
        figures.update(kills, kills=kills.total())
        figures["configurations"] = len(expected)

    battery("F1", "runs killed up to 4 times, then finished", 300, one)
