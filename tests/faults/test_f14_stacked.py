"""F1, F3 and F14 with cv.stack: folds trained as one model are killed, interrupted and gone on with in either way."""

import random
import signal

import pytest

from tests.battery import some_of
from tests.faults.fingerprints import fingerprint, leftovers, require_same
from tests.faults.harness import QUICK, battery, finish, kill, send, start, train, wait_for
from tests.faults.test_f01_kill import Reference, killed_run

ARGUMENTS = (
    "data=wine",
    "plugins=[strike_plugin]",
    "model._target_=strike_plugin.Striking",
    "model.hidden=[24,24]",
    "batch_size=16",
    "max_epochs=4",
    "checkpoint.every_n_steps=3",
    *QUICK[1:],
    "cv.n_splits=4",
)
STACKED, APART = "cv.stack=4", "cv.stack=off"
WAYS = ((STACKED,), ("cv.stack=2", "cv.parallel=2"), ("cv.stack=3",), (APART,), (APART, "cv.parallel=2"))

TWO_STACKS = (("cv.stack=2", "cv.parallel=2"), (STACKED,))


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=apart", *ARGUMENTS, APART)
    return fingerprint(shop.runs / "apart")


def paused(shop, name, *options):
    """Start a run that stands still while it writes its sixth checkpoint."""
    mark = shop.directory / f"{name}.mark"
    strike = {"FOLDWISE_TEST_STRIKE": "save:0:6:pause", "FOLDWISE_TEST_STRIKE_MARK": str(mark)}
    process = start(shop, f"run={name}", *ARGUMENTS, *options, environment=strike)
    assert wait_for(mark.exists, process), process.out + process.err
    return process, mark


@pytest.mark.parametrize(
    ("before", "after"),
    some_of([((STACKED,), (APART,)), ((APART,), (STACKED,)), TWO_STACKS], [((STACKED,), (APART,))]),
    ids=["stacked, then apart", "apart, then stacked", "two stacks side by side, then one"],
)
def test_killed_in_one_way_and_gone_on_with_in_the_other(shop, expected, before, after):
    process, mark = paused(shop, "killed", *before)
    assert kill(process) == -9
    mark.unlink(missing_ok=True)
    assert list((shop.runs / "killed").glob("fold_*/step-*.json"))
    train(shop, "run=killed", *ARGUMENTS, *after)
    require_same(shop.runs / "killed", expected)


def test_a_signal_saves_every_fold_of_a_stack(shop, expected):
    process, mark = paused(shop, "stopped", STACKED)
    send(process, signal.SIGTERM)
    mark.unlink()
    assert finish(process) == 143, process.out + process.err
    run = shop.runs / "stopped"
    assert len({path.parent for path in run.glob("fold_*/step-*.json")}) == 4
    assert leftovers(run, finished=False) == []
    train(shop, "run=stopped", *ARGUMENTS, APART)
    require_same(run, expected)


@pytest.mark.battery
def test_many_killed_runs_in_all_ways(shop):
    arguments = [*ARGUMENTS, "max_epochs=12"]
    done = train(shop, "run=whole", *arguments, APART)
    expected, drawn = Reference(fingerprint(shop.runs / "whole"), done.seconds), random.Random(21)

    def one(number, figures):
        kills = killed_run(shop, f"r{number}", arguments, drawn, expected, ways=WAYS)
        figures.update(kills, kills=kills.total())

    battery("F14", "runs killed up to 4 times, each command stacked or not, then finished", 100, one)
