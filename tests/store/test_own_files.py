"""Foldwise's own names: every file that a run writes has one, and none that a user might give."""

import os

import pytest

from trainer.errors import CheckpointError, ForeignFileError
from trainer.store.own_files import (
    MARK,
    PLOT_FILE,
    is_fold_file,
    is_fold_folder,
    is_run_file,
    lies_in_run,
    read_given,
    require_no_links,
    require_own,
    require_own_name,
    sweep_fold,
)

EVERYTHING = (
    *("data=iris", "max_epochs=1", "model.hidden=[4]", "cv.n_splits=2", "cv.parallel=1", "profile.enabled=false"),
    *("cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[0.01,0.1]}", "checkpoint.keep_final=true", "run=a1"),
)


def test_every_file_of_a_run_is_known_as_its_own(train, tmp_path):
    assert train(*EVERYTHING).code == 0
    run = tmp_path / "runs/a1"
    for path in run.rglob("*"):
        if path.parent == run:
            assert is_run_file(path.name) or is_fold_folder(path.name) or path.name == "plots", path
        else:
            assert is_fold_file(path.name) if path.parent.name != "plots" else PLOT_FILE.fullmatch(path.name), path


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "step-notes.pt",
        "step-3.txt",
        "inner-mine-1.json",
        "DONE.old",
        "cv.json.bak",
        "my-report.md",
        "LOCKED",
    ],
)
def test_a_users_names_are_not(name):
    assert not is_run_file(name)
    assert not is_fold_file(name)
    assert not is_fold_folder("fold_notes")
    assert not is_fold_folder("fold_1.split-abc")


def test_only_what_was_half_written_here_is_swept(tmp_path):
    fold = tmp_path / "fold_0"
    fold.mkdir()
    ours = ["DONE.tmp.7-abcdef", "step-00000001.pt.tmp.123-000000"]
    theirs = ["notes.tmp.7-abcdef", "DONE.tmp.old", "DONE.tmp.7-abcdefg", "a.tmp.b"]
    for name in (*ours, *theirs):
        (fold / name).write_text("half")
    (fold / "DONE.tmp.8-abcdef").symlink_to(fold / "a.tmp.b")
    sweep_fold(fold, older_than_seconds=0)
    assert sorted(path.name for path in fold.iterdir()) == sorted([*theirs, "DONE.tmp.8-abcdef"])


def test_a_baseline_that_another_process_is_writing_is_left_until_it_is_old(tmp_path):
    fold = tmp_path / "fold_2"
    fold.mkdir()
    young, old = fold / "baselines.json.tmp.7-abcdef", fold / "baseline-linear.parquet.tmp.7-abcdef"
    for path in (young, old):
        path.write_text("half")
    os.utime(old, (0, 0))
    sweep_fold(fold, older_than_seconds=0)
    assert list(fold.iterdir()) == [young]


def test_a_fold_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("os.scandir", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(CheckpointError, match="cannot be read: Permission denied"):
        require_own(tmp_path)


def test_a_file_that_a_user_names_is_guarded_where_it_lies_in_a_run(tmp_path):
    outside, run = tmp_path / "weights.pt", tmp_path / "run"
    outside.write_text("theirs")
    (run / "fold_0").mkdir(parents=True)
    link = run / "fold_0/model.pth"
    link.symlink_to(outside)
    assert read_given(link) == b"theirs"  # no run: a user's own link
    (run / MARK).touch()
    assert read_given(link) == b"theirs"  # nor is a folder with folds alone
    (run / "manifest.json").touch()
    with pytest.raises(ForeignFileError, match=r"model\.pth is a symbolic link to"):
        read_given(link)


def test_a_name_of_foldwises_own_in_a_run_bears_what_foldwise_writes(tmp_path):
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (run / "fold_0").mkdir(parents=True)
    (run / "folds.json").symlink_to(outside)
    require_own_name(run / "folds.json")  # no run: a user's own link
    (run / "manifest.json").touch()
    for name in ("oof.parquet", "fold_1", "fold_0/model.pth", "plots"):
        require_own_name(run / name)  # nothing is there
        (run / name).symlink_to(outside)
        with pytest.raises(ForeignFileError, match=f"{name} is a symbolic link to"):
            require_own_name(run / name)
    (run / "jobs").mkdir()
    (run / "jobs/fold_0.log").mkdir()
    (run / "folds.json").unlink()
    (run / "folds.json").mkdir()
    for name in ("folds.json", "jobs/fold_0.log"):
        with pytest.raises(ForeignFileError, match="is a folder, where Foldwise keeps a file"):
            require_own_name(run / name)
    for name in ("mine", "fold_0/mine", "jobs/mine"):
        (run / name).symlink_to(outside)
        require_own_name(run / name)  # a user's own names


def test_a_program_that_follows_links_is_given_no_run_with_one(tmp_path):
    run = tmp_path / "runs/a1"
    run.mkdir(parents=True)
    (run / MARK).touch()
    (tmp_path / "runs/b").symlink_to(run)
    require_no_links(tmp_path / "runs")
    (run / "old").symlink_to(tmp_path)
    for directory in (tmp_path / "runs", run):
        with pytest.raises(ForeignFileError, match="old is a link"):
            require_no_links(directory)


def test_a_folder_with_folds_of_a_users_own_is_no_run(tmp_path):
    (tmp_path / MARK).touch()  # as foldwise split --out folds.json leaves it
    assert not lies_in_run(tmp_path / "model.onnx")
    (tmp_path / "manifest.json").touch()
    assert lies_in_run(tmp_path / "model.onnx")
    assert lies_in_run(tmp_path / "fold_0/model.onnx")
    assert not lies_in_run(tmp_path / "a/b/model.onnx")
