"""What is said of the jobs of folds; tests/run/test_elsewhere.py has runs."""

import pytest

from trainer.executors.contract import JobState
from trainer.executors.fold_command import Attempt
from trainer.run.job_words import called, failure, how_it_ended, what_helps


def test_the_first_of_several_folds_that_failed_is_told_whichever_ended_first(tmp_path):
    error = failure(tmp_path, {2: (5, "training stopped: nan"), 0: (3, "data error: no rows"), 1: (5, "x")})
    assert error.exit_code == 3
    assert str(error).splitlines()[:2] == ["fold 0: no rows", "fold 1, 2 failed too"]


def test_jobs_name_their_folds_and_where_they_are_of_several_runs_these_too():
    assert called({"a1": [3]}, "17") == "job of fold 3 (17)"
    assert called({"a1": [0, 1]}, "17") == "jobs of fold 0, 1 (17)"
    assert called({"a1": [0, 1], "b7": [1]}, "17") == "jobs of fold 0, 1 of a1 and fold 1 of b7 (17)"
    assert called({f"r{n}": [0, 1] for n in range(4)}, "17") == "8 jobs of 4 runs (17)"


@pytest.mark.parametrize(
    ("last", "reason", "said"),
    [
        (None, "node fail", "its job ended before it began (node fail)"),
        (Attempt(1, "n1", 0.0), "node fail", "its job was lost (node fail)"),
        (Attempt(1, "n1", 0.0), "out of memory", "out of memory"),
        (Attempt(1, "n1", 0.0, -9, lacked="out of memory (limit 4.0 GiB)"), "", "out of memory (limit 4.0 GiB)"),
        (Attempt(1, "n1", 0.0, -9), "", "killed by signal 9 (out of memory?)"),
        (Attempt(1, "n1", 0.0, 6), "failed", "ended with exit code 6"),
        (Attempt(1, "n1", 0.0, 75), "failed", "ended with exit code 75"),
        (Attempt(1, "n1", 0.0, 75, "unexpected error: process 1 of 2\nx"), "failed", "process 1 of 2"),
    ],
)
def test_how_a_job_ended_is_said_and_what_helps_where_memory_ran_out(last, reason, said):
    how = how_it_ended(last, JobState("gone", reason))
    assert how == said
    assert bool(what_helps(how, "slurm")) == said.startswith("out of memory")
    assert "memory_gib" in what_helps("out of memory", "slurm")
    assert "memory_gib" not in what_helps("out of memory", "torchrun")
