"""A sweep whose folds an engine trains; tests/executors has some on a real Slurm and a real Ray cluster."""

import json

import pytest

from trainer.executors.contract import JobState
from trainer.run import elsewhere

QUICK = ("data=wine", "max_epochs=1", "cv.n_splits=2", "profile=off", "audit=off", "baseline=off", "tracker=none")


class Queue:
    """An engine that takes jobs, and never begins them."""

    address = None

    def __init__(self):
        self.submitted = []

    def __call__(self, config):
        return self

    def submit(self, jobs):
        self.submitted.append(jobs)
        return [f"7_{number}" for number in range(len(jobs))]

    def states(self, ids):
        return dict.fromkeys(ids, JobState("waiting", "Priority"))

    def cancel(self, ids):
        raise AssertionError


@pytest.fixture
def queue(monkeypatch):
    engine = Queue()
    monkeypatch.setitem(elsewhere.ENGINES, "slurm", engine)
    return engine


def records(sweep):
    return [json.loads((sweep / f"jobs/{number}.json").read_text()) for number in range(2)]


def test_a_sweep_is_submitted_at_once_and_goes_on_in_its_runs(train, tmp_path, queue):
    left = train("-m", "loss=ce,focal", *QUICK, "executor=slurm", "executor.detach=true")
    assert left.code == 0, left.err
    [jobs] = queue.submitted
    [sweep] = (tmp_path / "runs/sweeps").iterdir()
    names = sorted(run.name for run in (tmp_path / "runs").iterdir() if run != sweep.parent)
    assert [(job.run.name.split("-")[2], job.fold) for job in jobs] == [
        ("ce", 0),
        ("ce", 1),
        ("focal", 0),
        ("focal", 1),
    ]
    assert {job.records for job in jobs} == {sweep / "jobs"}
    assert [job["status"] for job in records(sweep)] == ["running", "running"]
    assert f"hydra.sweep.dir=runs/sweeps/{sweep.name}" in left.out

    again = train("-m", "loss=ce,focal", *QUICK, f"hydra.sweep.dir={sweep}")  # here
    assert again.code == 0, again.err
    assert sorted(run.name for run in (tmp_path / "runs").iterdir() if run != sweep.parent) == names
    scores = [job["mean"] for job in records(sweep)]

    (sweep / "leaderboard.csv").unlink()
    done = train("-m", "loss=ce,focal", *QUICK, "executor=slurm", f"hydra.sweep.dir={sweep}")
    assert (done.code, len(queue.submitted)) == (0, 1), done.err  # there was nothing left to submit
    assert [(job["status"], job["mean"]) for job in records(sweep)] == [("done", score) for score in scores]
    assert done.out.count("Leaderboard") == 1
    assert len((sweep / "leaderboard.csv").read_text().splitlines()) == 3


def test_a_mistake_that_all_jobs_share_is_said_once_and_nothing_is_submitted(train, queue):
    rows = ("data=csv_tabular", "data.path=nowhere.csv", "data.label=y")
    failed = train("-m", "loss=ce,focal", *QUICK[1:], "executor=slurm", *rows)
    assert (failed.code, queue.submitted) == (3, []), failed.err
    assert failed.err.startswith("all 2 jobs of the sweep fail alike: none was trained\ndata error: ")
    assert failed.err.count("nowhere.csv") == 1


def test_a_job_with_a_mistake_does_not_keep_the_others_from_being_submitted(train, queue):
    failed = train("-m", "loss=ce,bce", *QUICK, "executor=slurm", "executor.detach=true")
    assert failed.code == 2
    assert failed.err.count("job 1 failed: configuration error: loss=bce does not fit") == 1
    assert [[job.fold for job in jobs] for jobs in queue.submitted] == [[0, 1]]
