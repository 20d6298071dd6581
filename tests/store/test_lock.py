import json
import os
import signal
import subprocess
import sys
import time

import pytest

from trainer.errors import CheckpointError, FoldBusyError
from trainer.store import lock
from trainer.store.lock import NAME, FoldLock, read_holder, running_elsewhere

HOLD = """
import sys, time
from pathlib import Path
from trainer.store.lock import FoldLock
with FoldLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def held_by_another(directory):
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_one_process_at_a_time_and_a_killed_one_leaves_no_trace(tmp_path):
    process = held_by_another(tmp_path / "fold_0")
    try:
        started = time.perf_counter()
        with pytest.raises(FoldBusyError, match=rf"running on \S+ \(pid {process.pid}\), heartbeat"):
            FoldLock(tmp_path / "fold_0").__enter__()
        assert time.perf_counter() - started < 2
        assert running_elsewhere(tmp_path / "fold_0").pid == process.pid
        assert running_elsewhere(tmp_path / "fold_1") is None
    finally:
        end(process)
    assert running_elsewhere(tmp_path / "fold_0") is None
    with FoldLock(tmp_path / "fold_0") as mine:
        assert mine.is_ours()
        assert read_holder(tmp_path / "fold_0" / NAME).pid == os.getpid()
    assert not list((tmp_path / "fold_0").iterdir())


def test_of_many_that_come_at_once_one_wins(tmp_path):
    directory = tmp_path / "fold_0"
    directory.mkdir()
    (directory / NAME).write_text(json.dumps(dead_holder()))  # all see a lock that is left over
    command = """
import sys, time
from pathlib import Path
from trainer.errors import FoldBusyError
from trainer.store.lock import FoldLock
sys.stdin.readline()
try:
    with FoldLock(Path(sys.argv[1])):
        print("won", flush=True)
        sys.stdin.readline()
except FoldBusyError:
    print("busy", flush=True)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", command, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.stdout.readline().strip() for process in processes]
    for process in processes:
        process.communicate("done\n")
    assert sorted(answers) == ["busy"] * 5 + ["won"]


def dead_holder(**changes):
    me = lock._myself()
    holder = {"host": "b", "pid": me.pid, "started": "1", "machine": me.machine, "token": "t"}
    return {**holder, **changes}


def test_a_process_with_the_same_number_is_not_the_same_process(tmp_path):
    (tmp_path / NAME).write_text(json.dumps(dead_holder()))  # our pid, but it started at another time
    assert running_elsewhere(tmp_path) is None


@pytest.mark.parametrize(("silent_seconds", "is_running"), [(1, True), (50, True), (70, False), (10**6, False)])
def test_on_another_machine_only_the_heartbeat_tells(tmp_path, silent_seconds, is_running):
    path = tmp_path / NAME
    path.write_text(json.dumps(dead_holder(machine="another")))
    then = time.time() - silent_seconds
    os.utime(path, (then, then))
    found = running_elsewhere(tmp_path)
    assert (found is not None) == is_running
    if found:
        assert found.host == "b"
        assert found.heartbeat_seconds == pytest.approx(silent_seconds, abs=2)


def test_the_age_is_told_by_the_file_systems_clock_not_by_ours(tmp_path, monkeypatch):
    path = tmp_path / NAME
    path.write_text(json.dumps(dead_holder(machine="another")))
    monkeypatch.setattr(lock.time, "time", lambda: 10**10)
    assert running_elsewhere(tmp_path).heartbeat_seconds < 5


def test_the_heart_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    with FoldLock(tmp_path):
        os.utime(tmp_path / NAME, (1, 1))
        deadline = time.perf_counter() + 10
        while (tmp_path / NAME).stat().st_mtime < 2 and time.perf_counter() < deadline:
            time.sleep(0.01)
        assert (tmp_path / NAME).stat().st_mtime > 2


def test_a_process_that_stood_still_writes_no_more_after_it_was_replaced(tmp_path):
    with FoldLock(tmp_path) as mine:
        mine.require_ours()
        (tmp_path / NAME).write_text(json.dumps(dead_holder(token="theirs")))
        with pytest.raises(CheckpointError, match=rf"fold \S+ of {tmp_path.parent} was taken over by \S+:\d+"):
            mine.require_ours()
    assert read_holder(tmp_path / NAME).token == "theirs"  # and does not take the other's lock away


def test_a_stopped_process_on_this_machine_keeps_its_lock(tmp_path):
    process = held_by_another(tmp_path)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        assert running_elsewhere(tmp_path) is not None
    finally:
        os.kill(process.pid, signal.SIGCONT)
        end(process)


def test_a_look_at_a_live_lock_is_not_disturbed_by_others_with_the_same_pid(tmp_path, monkeypatch):
    """Two containers: both are pid 1, and both look at the age of a third one's lock at the same time."""
    (tmp_path / NAME).write_text(json.dumps(dead_holder(machine="another")))
    touch = type(tmp_path).touch

    def disturbed(self, *arguments, **options):
        touch(self, *arguments, **options)
        for other in tmp_path.glob(f"*probe.{os.getpid()}"):
            other.unlink()

    monkeypatch.setattr(type(tmp_path), "touch", disturbed)
    assert running_elsewhere(tmp_path) is not None
