"""``foldwise status`` and ``foldwise stop``: what is said of a run that is not finished."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.places import REPOSITORY
from trainer.cli.main import main as foldwise
from trainer.executors.contract import JobState
from trainer.run import elsewhere
from trainer.store.lock import FoldLock

QUICK = ("data=wine", "cv.n_splits=3", "profile=off", "audit=off", "baseline=off")


class Queue:
    """An engine in whose queue the second fold waits."""

    cancelled: tuple[str, ...] = ()

    def __call__(self, config):
        return self

    def states(self, ids):
        return {name: JobState("waiting", "Resources") if name == "5_1" else JobState("gone") for name in ids}

    def cancel(self, ids):
        self.cancelled = tuple(ids)


@pytest.fixture
def run(train, tmp_path, monkeypatch):
    """A run of three folds: one done, one whose job waits, one whose job has failed."""
    assert train(*QUICK, "run=a1", "cv.fold=0").code == 0
    jobs = tmp_path / "runs/a1/jobs"
    jobs.mkdir()
    (jobs / "submitted.json").write_text(json.dumps({"engine": "slurm", "jobs": {"1": "5_1", "2": "5_2"}}))
    (jobs / "fold_2.json").write_text(json.dumps({"number": 2, "host": "n3", "started": 0.0, "code": 5, "said": ""}))
    monkeypatch.setitem(elsewhere.ENGINES, "slurm", Queue())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs/a1"


def status(capsys, *arguments):
    assert foldwise(["status", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_fold_is_told_with_what_is_known_of_its_job(run, capsys):
    capsys.readouterr()
    [found] = status(capsys, "runs/a1")
    assert [fold["state"] for fold in found["folds"]] == [
        "done",
        "absent; its job is waiting (Resources)",
        "absent; its last job: ended with exit code 5",
    ]
    assert [fold["tries"] for fold in found["folds"]] == [0, 0, 2]
    assert [one["run"] for one in status(capsys, "runs")] == ["runs/a1"]
    assert foldwise(["status", "runs"]) == 0
    assert "runs/a1: 1 of 3 folds are done" in capsys.readouterr().out


def test_who_trains_a_fold_is_told_with_what_is_left(run, capsys, tmp_path):
    capsys.readouterr()
    (run / "jobs/fold_1.log").write_text("fold 1 epoch 4  loss 0.5  accuracy 0.9  2.0 s\n")
    holds = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\nfrom pathlib import Path\nimport time\n"
    holds += (
        f"from trainer.store.lock import FoldLock\nwith FoldLock(Path({str(run / 'fold_1')!r})):\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds])
    try:
        while not (run / "fold_1/LOCK").exists():
            time.sleep(0.05)
        fold = status(capsys, "runs/a1")[0]["folds"][1]
        assert fold["state"] == "training"
        assert f"(pid {holder.pid})" in fold["holder"]
        assert fold["heartbeat_seconds"] < 60
        assert fold["seconds_left"] == 32.0  # 16 of 20 epochs
        assert foldwise(["stop", "runs/a1"]) == 0
        said = capsys.readouterr().out
        assert f"asked to save and end: fold 1 on {fold['holder']}" in said
        assert "cancelled: the waiting job of fold 1" in said
        assert elsewhere.ENGINES["slurm"].cancelled == ("5_1",)
        assert (run / "STOP").exists()
    finally:
        holder.kill()
        holder.wait()


def test_a_lock_of_this_process_is_nobody_elses(run, capsys):
    capsys.readouterr()
    with FoldLock(run / "fold_1"):
        assert status(capsys, "runs/a1")[0]["folds"][1]["holder"] == ""


@pytest.mark.parametrize("command", ["status", "stop"])
def test_what_is_no_run_is_refused(command, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert foldwise([command, str(tmp_path / "empty")]) == 4
    assert len(capsys.readouterr().err.splitlines()) <= 5


@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_run_whose_mark_is_missing_is_told_what_it_lacks(command, run, capsys):
    (run / "folds.json").unlink()
    assert foldwise([command, str(run)]) == 4
    assert "folds.json" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_fifo_in_the_place_of_its_mark_is_named(command, run, capsys):
    (run / "folds.json").unlink()
    os.mkfifo(run / "folds.json")
    assert foldwise([command, str(run)]) == 4
    assert "folds.json" in capsys.readouterr().err
