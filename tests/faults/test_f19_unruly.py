"""F19: plugins that keep threads, call sys.exit or never come back: no run hangs or ends as if it were done."""

import random
import signal
import time

import pytest

from tests.faults.fingerprints import fingerprint, leftovers, require_same
from tests.faults.harness import QUICK, battery, finish, send, start, train, wait_for

ARGUMENTS = (
    "data=wine",
    "plugins=[unruly_plugin]",
    "model._target_=unruly_plugin.Unruly",
    "metrics.names=[accuracy,unruly_plugin.unruly]",
    "model.hidden=[48,48]",
    "batch_size=16",
    "max_epochs=3",
    "checkpoint.every_n_steps=2",
    "+tracker={}",
    *(one for one in QUICK if not one.startswith(("cv.parallel", "tracker"))),
)
STALL_SECONDS = 2
TERM_SECONDS = 30.0  # most launchers send SIGKILL then
EXITS = [(place, how) for place in ("import", "forward", "eval", "metric") for how in ("0", "1", "143", "none", "text")]


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", "cv.parallel=1", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


def unruly(shop, name, how, parallel, *options, forked=True):
    """Start a run that misbehaves."""
    environment = {"FOLDWISE_TEST_UNRULY": how, "FOLDWISE_TEST_STRIKE_MARK": str(mark(shop, name))}
    arguments = (f"run={name}", f"cv.parallel={parallel}", *ARGUMENTS, *options)
    return start(shop, *arguments, environment=environment, forked=forked)


def mark(shop, name):
    return shop.directory / f"{name}.stalled"


def require_message(process, *words):
    assert len(process.err.splitlines()) <= 5, process.err
    assert "Traceback" not in process.err
    for word in words:
        assert word in process.err, process.err


def goes_on(shop, name, expected):
    """Finish the run with code that behaves; it is the run that was never disturbed."""
    train(shop, f"run={name}", "cv.parallel=1", *ARGUMENTS)
    require_same(shop.runs / name, expected)
    assert not leftovers(shop.runs / name)


def exits(shop, name, place, how, parallel):
    process = unruly(shop, name, f"exit:{place}:{how}", parallel)
    assert finish(process) == 1, process.out[-1000:] + process.err
    require_message(process, "sys.exit(", "unruly_plugin.py:")


def stalls(shop, name, place, how):
    process = unruly(shop, name, f"stall:{place}:{how}", 2, f"runtime.stall_timeout_seconds={STALL_SECONDS}")
    assert finish(process) == 1, process.out[-1000:] + process.err
    require_message(process, "fold ", "and was ended")


def is_terminated(shop, name, place, how, parallel):
    """Return the seconds that a run that stalls takes to end after SIGTERM."""
    process = unruly(shop, name, f"stall:{place}:{how}", parallel)
    assert wait_for(mark(shop, name).exists, process), process.err
    time.sleep(0.2)
    sent = time.perf_counter()
    send(process, signal.SIGTERM)
    assert finish(process) == 128 + signal.SIGTERM, process.err
    return time.perf_counter() - sent


def keeps_threads(shop, name, kind, parallel):
    process = unruly(shop, name, f"threads:{kind}:2", parallel, forked=False)
    assert finish(process) == 0, process.out[-1000:] + process.err
    if kind == "own":
        require_message(process, "still live: own 0, own 1")
    return process.seconds


def test_an_exit_of_a_plugin_is_an_error_and_the_run_goes_on(shop, expected):
    exits(shop, "exit", "forward", "0", 2)
    goes_on(shop, "exit", expected)


def test_a_fold_that_stalls_is_ended_and_the_run_goes_on(shop, expected):
    stalls(shop, "stall", "forward", "lock")
    goes_on(shop, "stall", expected)


@pytest.mark.battery
def test_many_unruly_plugins(shop, expected):
    drawn = random.Random(19)

    def one(number, figures):
        name, parallel = f"u{number}", 1 + number % 2
        kind = ("exit", "stall", "SIGTERM", "exit", "exit", "threads")[number % 6]
        figures[kind] += 1
        place, how = drawn.choice(("forward", "eval")), drawn.choice(("sleep", "lock", "c"))
        if kind == "exit":
            exits(shop, name, *EXITS[number % len(EXITS)], parallel)
        if kind == "stall":
            stalls(shop, name, place, how)
        if kind == "SIGTERM":
            parallel = 1 + number // 6 % 2
            seconds = is_terminated(shop, name, place, how, parallel)
            figures["slowest end after SIGTERM, s"] = max(figures["slowest end after SIGTERM, s"], round(seconds, 1))
            assert seconds < TERM_SECONDS
        if kind == "threads":
            keeps_threads(shop, name, ("daemon", "own")[number // 6 % 2], 1 + number // 12 % 2)
        goes_on(shop, name, expected)

    battery("F19", f"runs with such a plugin; a fold may stall for {STALL_SECONDS} s", 24, one)
