"""What is said of the jobs of folds; tests/run/test_elsewhere.py has runs."""

from trainer.run.job_words import called, failure


def test_the_first_of_several_folds_that_failed_is_told_whichever_ended_first(tmp_path):
    error = failure(tmp_path, {2: (5, "training stopped: nan"), 0: (3, "data error: no rows"), 1: (5, "x")})
    assert error.exit_code == 3
    assert str(error).splitlines()[:2] == ["fold 0: no rows", "fold 1, 2 failed too"]


def test_jobs_name_their_folds_and_where_they_are_of_several_runs_these_too():
    assert called({"a1": [3]}, "17") == "job of fold 3 (17)"
    assert called({"a1": [0, 1]}, "17") == "jobs of fold 0, 1 (17)"
    assert called({"a1": [0, 1], "b7": [1]}, "17") == "jobs of fold 0, 1 of a1 and fold 1 of b7 (17)"
    assert called({f"r{n}": [0, 1] for n in range(4)}, "17") == "8 jobs of 4 runs (17)"
