"""What a job does on its machine: the command is a process of its own, and its end is noted."""

import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

from tests.places import REPOSITORY
from trainer.executors.contract import FoldJob
from trainer.executors.fold_command import RunFold, last_line, log_path, may_try_again, read_attempt
from trainer.system.resources import MEMORY_FILES, _groups

WAITS = """
import signal, sys
signal.signal(signal.{name}, lambda *_: sys.exit(7))
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def job(tmp_path):
    """``job(code)``: run a line of Python as the command of fold 0."""
    (tmp_path / "folds.json").touch()
    return lambda code: FoldJob(0, (sys.executable, "-c", code), tmp_path, tmp_path)


def test_words_and_end_of_a_command_are_kept(job, tmp_path):
    assert RunFold(job("print('fold 0 epoch 1'); print()"))() == 0
    first = read_attempt(tmp_path, 0)
    assert (first.number, first.code, first.said) == (1, 0, "")
    assert last_line(tmp_path, 0) == "fold 0 epoch 1"
    broken = "import sys; print('x'); print('data error: rows.csv: no rows\\nread another file'); sys.exit(3)"
    assert RunFold(job(broken))() == 3
    second = read_attempt(tmp_path, 0)
    assert (second.number, second.code) == (2, 3)
    assert second.said == "data error: rows.csv: no rows\nread another file"
    assert log_path(tmp_path, 0).read_text().startswith("fold 0 epoch 1\n")  # of both tries


def test_a_command_that_says_nothing_is_known_by_its_last_lines(job, tmp_path):
    assert RunFold(job("import os; print('a'); print('b', flush=True); os.kill(os.getpid(), 9)"))() == -9
    assert read_attempt(tmp_path, 0).said == "a\nb"


IN_GROUP = """
import sys
from pathlib import Path
from trainer.executors.contract import FoldJob
from trainer.executors.fold_command import RunFold

group, run, code = sys.argv[1:]
(Path(group) / "cgroup.procs").write_text("0")
RunFold(FoldJob(0, (sys.executable, "-c", code), Path(run), Path(run)))()
"""


@pytest.fixture
def small_group():
    """A control group of 128 MiB within that of the tests."""
    found = [(_groups(mount)[0] / "foldwise-tests", limit) for mount, limit, *_ in MEMORY_FILES]
    for group, limit in reversed(found):
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / limit).exists():
                (group / limit).write_text(str(128 << 20))
                yield group
                return
        except OSError:
            pass  # it is not this user's to limit
        finally:
            group.rmdir()
    pytest.skip("no control group with a limit of memory can be made here")


@pytest.mark.parametrize("end", ["itself", "a worker"])
def test_what_the_kernel_kills_for_memory_is_called_that(small_group, tmp_path, end):
    """Itself, or a process of its own, for which it ends with an error that is final otherwise."""
    (tmp_path / "folds.json").touch()
    takes = "held = bytearray(b'x') * (1 << 28)"
    if end == "a worker":
        takes = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {takes!r}]) == -9)"
    command = [sys.executable, "-c", IN_GROUP, str(small_group), str(tmp_path), takes]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=True, timeout=120)
    last = read_attempt(tmp_path, 0)
    assert (last.code, last.lacked) == (-9 if end == "itself" else 1, "out of memory (limit 0.125 GiB)")
    assert may_try_again(last.code, last.lacked)
    assert may_try_again(last.code) is (end == "itself")


def test_a_machine_that_does_not_see_the_run_says_so(job, tmp_path):
    (tmp_path / "folds.json").unlink()
    with pytest.raises(FileNotFoundError, match="must lie on a shared file system"):
        RunFold(job("pass"))()


@pytest.mark.parametrize(("code", "noted"), [(2, (2, "n2")), (137, (75, "n1"))])
def test_what_was_wrong_on_the_second_machine_is_noted_where_it_is_final(job, tmp_path, monkeypatch, code, noted):
    """The first says but that a process of the fold is gone, and another try would meet the same fault."""
    second = f"""
import os, pathlib, sys
from trainer.executors.contract import FoldJob
from trainer.executors.fold_command import RunFold
os.environ.update(SLURM_PROCID="1", SLURMD_NODENAME="n2")
place = pathlib.Path({str(tmp_path)!r})
ends = "import sys; print('configuration error: no'); sys.exit({code})"
RunFold(FoldJob(0, (sys.executable, "-c", ends), place, place))()
sys.exit(75)
"""
    monkeypatch.setattr("trainer.executors.fold_command.TOLD_SECONDS", 0.3)
    for name, value in {"SLURM_NNODES": "2", "SLURMD_NODENAME": "n1", "PYTHONPATH": str(REPOSITORY)}.items():
        monkeypatch.setenv(name, value)
    assert RunFold(job(second))() == 75
    last = read_attempt(tmp_path, 0)
    assert (last.code, last.host) == noted
    assert (last.number, last.said) == (1, "configuration error: no")


def wait_until_ready(tmp_path):
    while not log_path(tmp_path, 0).exists() or "ready" not in log_path(tmp_path, 0).read_text():
        pass


def test_a_signal_to_the_job_reaches_its_command(job, tmp_path):
    def send():
        wait_until_ready(tmp_path)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=send).start()
    assert RunFold(job(WAITS.format(name="SIGTERM")))() == 7
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_requeued_is_the_same_job_and_its_command_has_ended(job, tmp_path):
    """The handler is called, as submitit's is, in the thread that waits for the command."""
    running, requeued = RunFold(job(WAITS.format(name="SIGUSR1"))), []

    def send():
        wait_until_ready(tmp_path)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: requeued.append(running.checkpoint()))
    try:
        threading.Thread(target=send).start()
        assert running() == 7
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert pickle.loads(pickle.dumps(requeued[0])).function.job == running.job


def test_the_machine_is_called_as_the_engine_calls_it(job, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "n17")
    RunFold(job("pass"))()
    assert read_attempt(tmp_path, 0).host == "n17"


def test_a_damaged_note_of_a_job_is_none(job, tmp_path):
    RunFold(job("pass"))()
    (tmp_path / "jobs/fold_0.json").write_text("{")
    assert read_attempt(tmp_path, 0) is None
