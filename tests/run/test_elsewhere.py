"""Folds as jobs of an engine: here one whose jobs are threads of this process; tests/executors has a real Slurm."""

import hashlib
import itertools
import shutil
import sys
import threading
from types import SimpleNamespace

import pytest

from tests.places import REPOSITORY
from trainer.config.executor import ExecutorConfig
from trainer.config.schema import RunConfig
from trainer.errors import CheckpointError, ConfigError, FoldBusyError, NonFiniteError
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.fold_command import RunFold, read_attempt
from trainer.run import elsewhere
from trainer.run.elsewhere import Elsewhere, check_elsewhere
from trainer.run.jobs import Wanted

QUICK = ("data=wine", "max_epochs=3", "cv.n_splits=2", "profile=off", "audit=off", "baseline=off", "tracker=none")
QUICK += ("executor.max_restarts=2",)
DIES = "import os, pathlib, signal; os.kill(os.getpid(), signal.SIGKILL)"
DONE = "import pathlib; pathlib.Path('fold_0').mkdir(exist_ok=True); pathlib.Path('fold_0/ok').touch()"
DIES_ONCE = f"import pathlib\nif pathlib.Path('second').exists():\n    {DONE}\n    raise SystemExit\n"
DIES_ONCE += f"pathlib.Path('second').touch(); {DIES}"
DIVERGES = "import sys; print('epoch 1'); print('training stopped: the loss is nan\\nlower optimizer.lr'); sys.exit(5)"


class Threads:
    """An engine that runs jobs at once, in threads.

    Args:
        begins: False = its jobs end before they begin.
    """

    address = None

    def __init__(self, begins=True, reason=""):
        self.begins, self.reason, self.jobs = begins, reason, {}

    def __call__(self, config):
        return self

    def submit(self, jobs):
        names = [str(len(self.jobs) + n) for n in range(len(jobs))]
        for name, job in zip(names, jobs, strict=True):
            self.jobs[name] = threading.Thread(target=RunFold(job) if self.begins else int)
            self.jobs[name].start()
        return names

    def states(self, ids):
        alive = [name in self.jobs and self.jobs[name].is_alive() for name in ids]
        return {n: JobState("running") if a else JobState("gone", self.reason) for n, a in zip(ids, alive, strict=True)}

    def cancel(self, ids):
        self.cancelled = ids


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.02)


def test_folds_trained_as_jobs_have_the_bits_of_those_trained_here(train, tmp_path, monkeypatch):
    monkeypatch.setitem(elsewhere.ENGINES, "slurm", Threads())
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    assert train(*QUICK, "run=here").code == 0
    assert train(*QUICK, "run=there", "cv.fold=0").code == 0  # the other one is a job: a process of its own
    there = train(*QUICK, "run=there", "executor=slurm")
    assert there.code == 0, there.err
    assert "fold 1: done on " in there.out
    first, second = ((tmp_path / f"runs/{run}/oof.parquet").read_bytes() for run in ("here", "there"))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert "fold 1: epoch 3/3" in (tmp_path / "runs/there/jobs/fold_1.log").read_text()


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """``follow(code, engine)``: follow fold 0, whose job is a line of Python, and return what was printed."""
    (tmp_path / "folds.json").touch()
    done = lambda run, folds, epochs: [SimpleNamespace(fold=f, done=(run / f"fold_{f}/ok").exists()) for f in folds]  # noqa: E731
    monkeypatch.setattr(elsewhere, "survey", done)

    def start(code, engine, printed=None):
        job = FoldJob(0, (sys.executable, "-c", code), tmp_path, tmp_path)
        monkeypatch.setattr(elsewhere, "fold_job", lambda *_: job)
        monkeypatch.setitem(elsewhere.ENGINES, "slurm", engine)
        printed = [] if printed is None else printed
        executor = ExecutorConfig(name="slurm", max_restarts=2)
        Elsewhere(printed.append).train([Wanted(tmp_path, SimpleNamespace(command=()), executor, 3, (0,))])
        return printed

    return start


def test_a_job_that_is_killed_is_started_again(follow, tmp_path):
    printed = follow(DIES_ONCE, Threads())
    assert printed[0] == "slurm: job of fold 0 (0) submitted"
    assert "fold 0: killed by signal 9 (out of memory?); submitted again (1 of 2)" in printed
    assert printed[-1].startswith("fold 0: done on ")
    assert printed[-1].endswith(", at try 2")


def test_a_job_that_says_it_was_killed_is_started_again_at_once(follow, monkeypatch):
    """Only of one that says nothing may files arrive late."""
    monkeypatch.setattr(elsewhere, "QUIET_LOOKS", 1_000_000)
    assert follow(DIES_ONCE, Threads())[-1].endswith(", at try 2")


def test_a_job_that_is_killed_every_time_is_given_up(follow, tmp_path):
    with pytest.raises(CheckpointError) as failed:
        follow(DIES, Threads())
    lines = str(failed.value).splitlines()
    assert lines[0].startswith("fold 0: killed by signal 9 (out of memory?), for the 3. time: ")
    assert len(lines) <= 5
    assert read_attempt(tmp_path, 0).number == 3


def test_a_job_whose_worker_the_kernel_kills_for_memory_is_started_again_and_what_helps_is_said(follow, monkeypatch):
    kills = itertools.count()  # one more each time it is asked for; test_fold_command has real ones
    monkeypatch.setattr("trainer.executors.fold_command.killed_for_memory", lambda: next(kills))
    monkeypatch.setattr("trainer.executors.fold_command.memory_limit_bytes", lambda: 4 << 30)
    printed = []
    with pytest.raises(CheckpointError) as failed:
        follow("import sys; sys.exit(1)", Threads(), printed)
    helps = "executor.memory_gib=... asks for more, a smaller batch_size with fit.accumulate_steps takes less"
    assert f"fold 0: out of memory (limit 4 GiB); submitted again (1 of 2); {helps}" in printed
    assert "fold 0: out of memory (limit 4 GiB); submitted again (2 of 2)" in printed
    lines = str(failed.value).splitlines()
    assert lines[0].startswith("fold 0: out of memory (limit 4 GiB), for the 3. time: ")
    assert lines[1] == helps


def test_what_another_try_would_not_mend_is_told_in_the_words_of_the_job(follow, tmp_path):
    with pytest.raises(NonFiniteError) as failed:
        follow(DIVERGES, Threads())
    assert str(failed.value).splitlines()[:2] == ["fold 0: the loss is nan", "lower optimizer.lr"]
    assert read_attempt(tmp_path, 0).number == 1


def test_a_job_that_never_begins_asks_whether_the_machine_sees_the_folder(follow, tmp_path):
    with pytest.raises(CheckpointError, match="its job ended before it began") as failed:
        follow(DONE, Threads(begins=False))
    assert f"does the machine see {tmp_path}?" in str(failed.value)


def test_a_job_that_somebody_cancels_is_not_started_again(follow):
    with pytest.raises(CheckpointError, match="its job was cancelled"):
        follow(DONE, Threads(begins=False, reason="cancelled"))


class Silent(Threads):
    """An engine that takes jobs and then says no more."""

    def states(self, ids):
        return dict.fromkeys(ids, JobState("unknown", "Unable to contact slurm controller"))


def test_an_engine_that_never_answers_is_not_waited_for_without_end(follow, tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "UNANSWERED_SECONDS", 0.1)
    with pytest.raises(FoldBusyError, match="the same command follows them") as failed:
        follow("", Silent())
    assert str(failed.value).startswith("slurm has not answered for 0 minutes (Unable to contact slurm controller)")
    seen = [True] * 20
    monkeypatch.setattr(elsewhere, "running_elsewhere", lambda folder: seen.pop() if seen else None)
    with pytest.raises(FoldBusyError):
        follow("", Silent())
    assert not seen  # as long as a fold trains there is something to follow


def test_jobs_of_before_are_followed_not_submitted_again(follow, tmp_path):
    engine = Threads()
    gate = threading.Event()
    engine.jobs["7"] = threading.Thread(target=gate.wait)
    engine.jobs["7"].start()
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/submitted.json").write_text('{"engine": "slurm", "jobs": {"0": "7"}}')
    (tmp_path / "fold_0").mkdir()
    (tmp_path / "fold_0/ok").touch()
    printed = follow(DIES, engine)
    gate.set()
    assert printed == ["slurm: following job of fold 0 (7) of before", "fold 0: done"]


def test_jobs_that_train_are_followed_and_what_others_train_is_left_to_them(train, tmp_path, monkeypatch):
    """Whoever comes back, or a second person, finds folds that are being trained: by jobs, or by another process."""
    engine = Threads()
    monkeypatch.setitem(elsewhere.ENGINES, "slurm", engine)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    assert train(*QUICK, "run=a1", "cv.fold=0").code == 0  # the run is there
    fold = tmp_path / "runs/a1/fold_1"
    fold.mkdir()
    (fold / "LOCK").write_text('{"host": "n3", "pid": 4, "started": "1", "machine": "another", "token": "t"}')
    left = train(*QUICK, "run=a1", "executor=slurm")
    assert (left.code, engine.jobs) == (75, {})
    assert "fold 1 left to other processes" in left.err
    assert train(*QUICK, "run=b1", "cv.fold=1").code == 0  # what the job writes; the test above has a real one

    def job():
        threading.Event().wait(0.5)
        (fold / "LOCK").unlink()
        for path in sorted((tmp_path / "runs/b1/fold_1").iterdir(), key=lambda path: path.name == "DONE"):
            shutil.copy(path, fold / path.name)

    engine.jobs["7"] = threading.Thread(target=job)
    (tmp_path / "runs/a1/jobs").mkdir()
    (tmp_path / "runs/a1/jobs/submitted.json").write_text('{"engine": "slurm", "jobs": {"1": "7"}}')
    engine.jobs["7"].start()
    followed = train(*QUICK, "run=a1", "executor=slurm")
    assert (followed.code, len(engine.jobs)) == (0, 1), followed.err
    assert "slurm: following job of fold 1 (7) of before" in followed.out


def test_what_no_other_machine_can_do_is_refused():
    remote = RunConfig(executor=ExecutorConfig(name="slurm", gpus=1))
    check_elsewhere(RunConfig(), in_memory=True)
    check_elsewhere(remote, in_memory=False)
    with pytest.raises(ConfigError, match="write them to a file"):
        check_elsewhere(remote, in_memory=True)
    remote.amp.opt_level = "O1"
    with pytest.raises(ConfigError, match=r"set amp\.dtype=fp16 or bf16"):
        check_elsewhere(remote, in_memory=False)
    remote.amp.dtype = "bf16"
    check_elsewhere(remote, in_memory=False)
