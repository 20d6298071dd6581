"""What is found below a folder: runs, what is left of them, what is none, jobs of sweeps that failed."""

import pytest

from tests.conftest import QUICK
from tests.search.run_cases import begun_run, finished_run
from trainer.errors import ConfigError
from trainer.search.leaderboard import record as record_job
from trainer.search.run_folder import read_runs


def found(folder):
    return {record.name: (record.state, record.reason) for record in read_runs(folder)}


def test_runs_at_any_depth_and_what_is_no_run(tmp_path):
    finished_run(tmp_path / "a", 0.5)
    begun_run(tmp_path / "digits" / "late" / "b")
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "cv.json").write_text("{}")
    (tmp_path / ".cache" / "c").mkdir(parents=True)
    (tmp_path / "file.txt").touch()
    (tmp_path / "again").symlink_to(tmp_path / "a")
    (tmp_path / "round").mkdir()
    (tmp_path / "round" / "back").symlink_to(tmp_path)
    assert found(tmp_path) == {
        "a": ("finished", ""),
        "digits/late/b": ("waiting", "folds 0,1,2 not begun"),
        "left": ("broken", "no manifest.json"),
        "notes": ("no run", "nothing of a run in it"),
        "round": ("no run", "nothing of a run in it"),
    }


def test_a_run_directory_is_a_list_of_one(tmp_path):
    finished_run(tmp_path / "a", 0.5)
    assert found(tmp_path / "a") == {"a": ("finished", "")}


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name, why in {"file": "it is a file", "absent": "no such folder"}.items():
        with pytest.raises(ConfigError, match=rf"{name}: {why}\nname the folder"):
            read_runs(tmp_path / name)


def test_the_jobs_of_a_sweep_are_runs_and_those_of_folds_are_not(train, tmp_path, without_pictures):
    code = train("-m", "loss=focal,bce", "data=iris", "cv.n_splits=2", "run=a${hydra:job.num}", *QUICK).code
    assert code == 2  # bce is for labels
    (ran,) = (tmp_path / "runs" / "sweeps").iterdir()
    folds = ran.with_name("folds")  # by itself it is called by the second and the process, which are the same here
    train("-m", "cv.fold=0,1", "data=iris", "cv.n_splits=2", "run=folds", f"hydra.sweep.dir={folds}", *QUICK)
    record_job(folds, {"num": 2, "overrides": ["cv.fold=7"], "status": "failed", "error": "there is no fold 7"})
    records = {record.name: record for record in read_runs(tmp_path / "runs")}
    failed = f"sweeps/{ran.name}/jobs/1"
    assert list(records) == ["a0", "folds", failed]
    assert (records["a0"].state, records["a0"].sweep, records["a0"].job) == ("finished", ran.name, 0)
    assert (records["folds"].state, records["folds"].sweep) == ("finished", "")
    assert records[failed].state == "failed"
    assert records[failed].reason.startswith("loss=bce does not fit a multiclass task")
    assert dict(records[failed].config) == {"loss": "bce"}
    (ran / "jobs" / "1.json").write_text("{}")
    assert "are damaged" in read_runs(tmp_path / "runs")[-1].reason
