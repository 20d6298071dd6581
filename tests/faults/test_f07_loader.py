"""F7: a loader process that is killed, raises, hangs or is stopped in the middle of a run."""

import random
import time

import pytest

from tests.battery import some_of
from tests.faults.fault_cases import STREAMED
from tests.faults.fingerprints import fingerprint, require_same, saved_step
from tests.faults.harness import QUICK, battery, finish, start, train
from trainer.store import checkpoints

TIMEOUT_SECONDS = 2
ARGUMENTS = (
    *STREAMED,
    "max_epochs=3",
    "batch_size=16",
    "model.hidden=[48,48]",
    f"runtime.loader_timeout_seconds={TIMEOUT_SECONDS}",
    "checkpoint.every_n_steps=1",
    *QUICK,
)


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


def broken(shop, name, kind, row, epoch, num_workers):
    """Break the reading of a row in an epoch; return the seconds from the fault to the end of the run."""
    counted = shop.directory / f"{name}.readings"
    fault = {"FOLDWISE_TEST_FAULT": f"{kind}:{row}:{epoch}", "FOLDWISE_TEST_FAULT_COUNT": str(counted)}
    process = start(shop, f"run={name}", *ARGUMENTS, f"num_workers={num_workers}", environment=fault)
    assert finish(process) == 3, process.out[-1000:] + process.err
    seconds = time.time() - counted.stat().st_mtime
    assert f"id{row:04d}" in process.err, process.err
    assert len(process.err.splitlines()) <= 5, process.err
    assert "Traceback" not in process.err
    stopped = [fold for fold in (shop.runs / name).glob("fold_*") if not (fold / "DONE").exists()]
    assert len(stopped) == 1
    if saved_step(stopped[0]):
        assert checkpoints.load(stopped[0]).position.step == saved_step(stopped[0])
    return seconds


@pytest.mark.parametrize(("kind", "num_workers"), some_of([("kill", 2), ("hang", 2), ("raise", 0)], [("hang", 2)]))
def test_the_row_is_named_and_the_run_goes_on_once_it_can_be_read(shop, expected, kind, num_workers):
    name = f"{kind}-{num_workers}"
    assert broken(shop, name, kind, row=17, epoch=2, num_workers=num_workers) < TIMEOUT_SECONDS + 5
    train(shop, f"run={name}", *ARGUMENTS, "num_workers=2")
    require_same(shop.runs / name, expected)


@pytest.mark.battery
def test_many_broken_readers(shop, expected):
    drawn = random.Random(7)

    def one(number, figures):
        name, kind, workers = f"r{number}", ("kill", "raise", "hang", "stop")[number % 4], drawn.choice([1, 2, 4])
        figures[kind] += 1
        seconds = broken(shop, name, kind, drawn.randrange(120), drawn.randint(1, 3), workers)
        figures["slowest end, s"] = max(figures["slowest end, s"], round(seconds, 1))
        assert seconds < TIMEOUT_SECONDS + 5
        train(shop, f"run={name}", *ARGUMENTS, f"num_workers={drawn.choice([0, 2])}")
        require_same(shop.runs / name, expected)

    battery("F7", f"loader processes that fail, timeout {TIMEOUT_SECONDS} s", 20, one)
