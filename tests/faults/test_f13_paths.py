"""F13: directories that cannot be written, and runs in places with unusual names."""

import os
import subprocess
from contextlib import contextmanager
from functools import partial

import pytest

from tests.faults.fingerprints import fingerprint, require_same
from tests.faults.harness import QUICK, battery, finish, start, train

ARGUMENTS = ("data=iris", "max_epochs=1", "model.hidden=[8]", *QUICK)


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


LONG = "/".join(["d" * 200] * 8)
PLACES = {
    "spaces": ("paths.runs='my runs (1)'", "my runs (1)", "a"),
    "Chinese": ("paths.runs=结果/第一次", "结果/第一次", "试验 一"),
    "emoji": ("paths.runs='runs 🌱/é'", "runs 🌱/é", "run 🌱"),
    "long": (f"paths.runs={LONG}", LONG, "n" * 200),
}
IMPOSSIBLE = {
    "name too long": f"run={'n' * 300}",
    "a file in the way": "paths.runs=texts.csv/runs",
}


TOO_LONG = f"paths.runs={'/'.join(['d' * 200] * 25)}"


def run_there(shop, expected, option, place, name):
    """Run in an unusual place, and again: the second time all is found done."""
    train(shop, f"run='{name}'", option, *ARGUMENTS)
    again = train(shop, f"run='{name}'", option, *ARGUMENTS)
    assert "done" in again.out
    require_same(shop.directory / place / name, expected)


def refused(shop, *options, code=6, kind="storage error: "):
    """Run, expect an exit code and a short message; return it."""
    process = start(shop, *ARGUMENTS, *options)
    assert finish(process) == code, process.out[-1000:] + process.err
    assert process.err.startswith(kind), process.err
    assert len(process.err.splitlines()) <= 5
    assert "Traceback" not in process.err
    return process.err


@contextmanager
def read_only(run):
    """Let nobody write in a directory; the means depends on who runs the tests."""
    if os.geteuid() != 0:
        run.chmod(0o555)
        try:
            yield
        finally:
            run.chmod(0o755)
        return
    mount = subprocess.run(["mount", "--bind", run, run], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("as root, a read-only directory needs a mount, which is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", run], check=True)
        yield
    finally:
        subprocess.run(["umount", run], check=True)


def run_read_only(shop):
    train(shop, "run=fixed", "cv.fold=0", *ARGUMENTS)
    with read_only(shop.runs / "fixed"):
        message = refused(shop, "run=fixed")
    assert "runs/fixed" in message
    assert "read-only file system" in message or "Permission denied" in message


def run_blocked(shop):
    train(shop, "run=blocked", "cv.fold=0", *ARGUMENTS)
    (shop.runs / "blocked/fold_1").write_text("not a directory")
    assert "runs/blocked/fold_1 is a file" in refused(shop, "run=blocked", code=4, kind="checkpoint error: ")


def test_a_run_goes_to_a_place_with_an_unusual_name(shop, expected):
    run_there(shop, expected, *PLACES["Chinese"])


def test_a_name_that_is_too_long_is_one_message(shop):
    assert "cannot write to" in refused(shop, IMPOSSIBLE["name too long"])


def test_a_read_only_run_is_named_in_one_message(shop):
    run_read_only(shop)


@pytest.mark.battery
def test_all_places(shop, expected):
    tries = {name: partial(run_there, shop, expected, *place) for name, place in PLACES.items()}
    tries |= {name: partial(refused, shop, option) for name, option in IMPOSSIBLE.items()}
    tries["path too long"] = partial(refused, shop, TOO_LONG, code=2, kind="configuration error: ")
    tries |= {"read-only run": partial(run_read_only, shop), "a file in place of a fold": partial(run_blocked, shop)}

    def one(number, figures):
        name = list(tries)[number]
        figures[name] += 1
        tries[name]()

    battery("F13", "places and names", len(tries), one)
