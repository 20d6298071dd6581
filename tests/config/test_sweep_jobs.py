"""When the failures of a sweep's jobs are said; tests/search/test_together.py and test_sweep.py have whole sweeps."""

import pytest

from trainer.config import sweep_jobs
from trainer.errors import ConfigError, DataError


@pytest.fixture
def jobs(monkeypatch):
    monkeypatch.setattr(sweep_jobs, "_jobs", None)
    return sweep_jobs.begin_command()


def test_a_mistake_of_all_jobs_is_said_once(jobs, capsys):
    jobs.n_jobs = 3
    for number in range(3):
        sweep_jobs.job_failed(number, DataError("rows.csv: no column label"))
    with pytest.raises(DataError, match="no column label"):
        sweep_jobs.end_command()
    assert capsys.readouterr().err == "all 3 jobs of the sweep fail alike: none was trained\n"


def test_failures_are_said_as_soon_as_a_job_can_be_trained(jobs, capsys):
    jobs.n_jobs = 4
    sweep_jobs.job_failed(0, DataError("no rows"))
    assert capsys.readouterr().err == ""
    sweep_jobs.say_failures()
    assert capsys.readouterr().err == "job 0 failed: data error: no rows\n"
    sweep_jobs.job_failed(2, DataError("no rows"))
    sweep_jobs.job_failed(3, ConfigError("no rows"))
    said = capsys.readouterr().err.splitlines()
    assert said == ["job 2 failed: as job 0", "job 3 failed: configuration error: no rows"]
    with pytest.raises(DataError):
        sweep_jobs.end_command()
    assert capsys.readouterr().err == ""


def test_different_failures_of_all_jobs_are_all_said(jobs, capsys):
    jobs.n_jobs = 2
    sweep_jobs.job_failed(0, DataError("no a"))
    sweep_jobs.job_failed(1, DataError("no b"))
    with pytest.raises(DataError, match="no a"):
        sweep_jobs.end_command()
    assert capsys.readouterr().err.splitlines() == ["job 0 failed: data error: no a", "job 1 failed: data error: no b"]


def test_what_is_left_to_do_comes_after_all_have_begun_and_its_errors_count(jobs):
    jobs.n_jobs, jobs.rest = 2, lambda: [ConfigError("sbatch refuses")]
    with pytest.raises(ConfigError, match="sbatch refuses"):
        sweep_jobs.end_command()
    sweep_jobs.end_command()  # nothing is left of it


def test_a_process_made_for_a_job_says_its_failure_and_ends_with_it(monkeypatch, capsys):
    monkeypatch.setattr(sweep_jobs, "_jobs", None)
    with pytest.raises(DataError):
        sweep_jobs.job_failed(3, DataError("no rows"))
    assert capsys.readouterr().err == "job 3 failed: data error: no rows\n"
