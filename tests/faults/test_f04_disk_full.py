"""F4: the disk is full, or a file may grow no larger: at a checkpoint, at the results, at the tracker."""

import os
import random
import re
import resource
import subprocess
from contextlib import contextmanager

import pytest

from tests.battery import some_of
from tests.faults.fingerprints import fingerprint, require_same, saved_step
from tests.faults.harness import QUICK, battery, finish, start, train, wait_for
from trainer.store import checkpoints

ARGUMENTS = ("data=wine", "max_epochs=20", "model.hidden=[48,48]", "batch_size=16", *QUICK)
SAVING = ("checkpoint.every_n_steps=1",)
MESSAGE = re.compile(
    r"storage error: (fold \d+: )?cannot write (the (?P<what>[a-z -]+) )?to (?P<directory>\S+): "
    r"(disk full|file size limit) \(need \d+\.\d MiB, free \d+ MiB\)\n.+\n"
)
STEPS = {  # what the message may call what failed
    "checkpoint": {"checkpoint"},
    "results": {"out-of-fold predictions", "curves", "result of the fold", "record of the run", "report", "result"},
    "tracker": {"events of the tracker"},
}
ROOM = {"checkpoint": 20_000, "results": 7_000, "tracker": 12_500}  # bytes a file may have, so that this fails first


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


@contextmanager
def small_disk(directory, kib):
    """Mount a small file system of its own on ``directory``."""
    directory.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", directory]
    subprocess.run(mount, capture_output=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def can_mount(directory):
    """Return whether this user may mount file systems here."""
    if os.geteuid() != 0:
        return False
    try:
        with small_disk(directory, 64):
            return True
    except (subprocess.CalledProcessError, FileNotFoundError):
        return False


def require_clear_failure(process, directory):
    """Expect exit 6 and one message that names directory, need and what is free."""
    code = finish(process)
    assert code == 6, f"exit {code}\n{process.out[-2000:]}{process.err}"
    found = MESSAGE.search(process.err)
    assert found, process.err
    assert str(directory) in found["directory"]
    assert len(process.err.strip().splitlines()) <= 5, process.err
    assert "Traceback" not in process.err


def require_loadable(run):
    """Expect that the newest checkpoint of every stopped fold is whole."""
    for fold in run.glob("fold_*"):
        if saved_step(fold) and not (fold / "DONE").exists():
            assert checkpoints.load(fold).position.step == saved_step(fold)


def starve(shop, name, where, after_step=3):
    """Let no file grow beyond a size: at once, or (checkpoint) once a few checkpoints are saved."""
    extra = ("tracker.name=tensorboard",) if where == "tracker" else ()
    arguments = (f"run={name}", *ARGUMENTS, *extra, *(SAVING if where == "checkpoint" else ()))
    if where != "checkpoint":
        process = start(shop, *arguments, largest_file_bytes=ROOM[where])
    else:
        process = start(shop, *arguments)
        assert wait_for(lambda: saved_step(shop.runs / name / "fold_0") >= after_step, process)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (ROOM[where], ROOM[where]))
    require_clear_failure(process, f"runs/{name}")
    assert MESSAGE.search(process.err)["what"] in STEPS[where], process.err
    if where == "checkpoint":
        folds = list((shop.runs / name).glob("fold_*"))
        assert any(saved_step(fold) for fold in folds)
    require_loadable(shop.runs / name)
    train(shop, *arguments)
    return f"file size limit in {where}"


def fill(shop, name, kib):
    """Run on a disk of ``kib`` KiB; enlarge it where that was too small. Return what could not be written."""
    disk = shop.directory / "disk"
    arguments = (f"run={name}", f"paths.runs={disk}", *ARGUMENTS, *SAVING)
    with small_disk(disk, kib):
        process = start(
            shop, *arguments, environment={"FOLDWISE_TEST_FIGURES": "1"}
        )  # they are most of what is written
        if finish(process) == 0:
            return "large enough"
        require_clear_failure(process, disk)
        require_loadable(disk / name)
        enlarge = ["mount", "-o", "remount,size=64m", str(disk)]
        subprocess.run(enlarge, check=True)
        train(shop, *arguments)
        subprocess.run(["cp", "-r", str(disk / name), str(shop.runs / name)], check=True)
    place = MESSAGE.search(process.err)["directory"].removeprefix(str(disk / name))
    return f"disk full in {place.strip('/').partition('_')[0] or 'the run directory'}"


@pytest.mark.parametrize("where", some_of(["checkpoint", "results", "tracker"], ["results"]))
def test_a_file_that_cannot_grow_is_named_and_the_run_goes_on_later(shop, expected, where):
    starve(shop, f"gate-{where}", where)
    require_same(shop.runs / f"gate-{where}", expected)


def test_a_full_disk_is_named_and_the_run_goes_on_later(shop, expected):
    if not can_mount(shop.directory / "disk"):
        pytest.skip("mounting a small file system is not allowed here")
    assert fill(shop, "gate-disk", 300).startswith("disk full")
    require_same(shop.runs / "gate-disk", expected)


@pytest.mark.battery
def test_many_full_disks(shop, expected):
    drawn, mounts = random.Random(4), can_mount(shop.directory / "disk")

    def one(number, figures):
        name = f"r{number}"
        if number % 2 and mounts:
            what = fill(shop, name, drawn.randrange(150, 600, 4))
        else:
            what = starve(shop, name, drawn.choice(list(ROOM)), after_step=drawn.randint(1, 15))
        figures[what] += 1
        if what != "large enough":
            require_same(shop.runs / name, expected)

    battery("F4", "full disks and limited files", 20, one)
