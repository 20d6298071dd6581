"""Runs that were really trained, in pieces and in several places, against the same run in one piece."""

import shlex
import shutil

import pytest

from tests.run.merge_cases import sha
from trainer.cli.main import main as foldwise

OPTIONS = (
    "data=wine",
    "max_epochs=2",
    "profile=off",
    "tracker=none",
    "runtime.progress=off",
    "audit=off",
    "baseline=off",
)


def test_folds_trained_in_three_places_in_any_order_give_the_bytes_of_one_process(train, tmp_path):
    for arguments in (
        ("run=whole",),
        ("paths.runs=far", "run=a1", "cv.fold=4"),
        ("paths.runs=further", "run=a1", "cv.fold=1"),
        ("paths.runs=further", "run=a1", "cv.fold=0"),
        ("run=a1", "cv.fold=3"),
        ("run=a1", "cv.fold=2"),
        ("run=a1", "cv.fold=all"),
    ):
        assert train(*OPTIONS, *arguments).code == 0
    wanted = sha(tmp_path / "runs/whole/oof.parquet")
    shutil.copytree("further/a1", "backwards")
    assert foldwise(["merge", "runs/a1", "far/a1", "further/a1"]) == 0
    assert foldwise(["merge", "backwards", "far/a1", "runs/a1"]) == 0
    assert sha(tmp_path / "runs/a1/oof.parquet") == sha(tmp_path / "backwards/oof.parquet") == wanted


@pytest.mark.parametrize("first", [(2,), (0, 3)])
def test_the_commands_that_are_printed_complete_the_run(train, tmp_path, capsys, first):
    for number in first:
        assert train(*OPTIONS, "optimizer.lr=0.02", "run=part", f"cv.fold={number}").code == 0
    assert foldwise(["merge", "runs/part"]) == 4
    lines = capsys.readouterr().err.splitlines()[1:]
    assert len(lines) == (1 if len(first) == 1 else 3)
    for line in lines:
        assert train(*shlex.split(line)[2:]).code == 0
    assert (tmp_path / "runs/part/cv.json").exists()  # the last one merged
    assert train(*OPTIONS, "optimizer.lr=0.02", "run=whole").code == 0
    assert sha(tmp_path / "runs/part/oof.parquet") == sha(tmp_path / "runs/whole/oof.parquet")


@pytest.mark.parametrize(
    ("option", "line", "forced"),
    [
        ("optimizer.lr=0.5", "optimizer.lr: 0.5 there, 0.001 here", 0),
        ("cv.random_state=1", "folds (fingerprint): ", 4),
        ("data=iris", "data (sha256): ", 4),
    ],
)
def test_a_job_that_ran_something_else_is_refused_and_force_joins_only_options(train, capsys, option, line, forced):
    assert train("-m", *OPTIONS, "run=a1", "cv.fold=0,1,2,3").code == 0
    own = OPTIONS[1:] if option == "data=iris" else OPTIONS
    assert train(*own, option, "paths.runs=far", "run=a1", "cv.fold=4").code == 0
    capsys.readouterr()
    assert foldwise(["merge", "runs/a1", "far/a1"]) == 4
    assert line in capsys.readouterr().err
    assert foldwise(["merge", "runs/a1", "far/a1", "--force"]) == forced
