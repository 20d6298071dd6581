"""What a run lacks, and the commands that complete it."""

import json
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.run.merge_cases import changed, make_run, rewrite_fold, sha
from trainer.cli.main import main as foldwise
from trainer.run.merge import merge
from trainer.run.missing import command_to_go_on, missing_folds, missing_message
from trainer.store.lock import FoldLock


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def values(line: str) -> dict[str, object]:
    """What Hydra understands of a command line after the shell has read it."""
    words = shlex.split(line)
    assert words[:2] == ["python", "train.py"]
    parsed = OverridesParser.create().parse_overrides([word for word in words[2:] if word != "-m"])
    return {
        item.key_or_group: [str(v) for v in item.value().list] if item.is_choice_sweep() else item.value()
        for item in parsed
    }


def test_up_to_three_are_completed_by_one_command_each(capsys):
    run = make_run(Path("runs/a1"), (0, 3))
    assert missing_folds(run) == [1, 2, 4]
    assert foldwise(["merge", "runs/a1"]) == 4
    assert capsys.readouterr().err.splitlines() == [
        "checkpoint error: runs/a1: 3 of 5 folds are not finished: 1,2,4",
        "python train.py data=wine run=a1 cv.fold=1",
        "python train.py data=wine run=a1 cv.fold=2",
        "python train.py data=wine run=a1 cv.fold=4",
    ]
    assert not (run / "cv.json").exists()


def test_more_are_completed_by_one_sweep():
    run = make_run(Path("runs/a1"), (0,))
    assert missing_message(run, missing_folds(run)).splitlines() == [
        "runs/a1: 4 of 5 folds are not finished: 1,2,3,4",
        "python train.py -m data=wine run=a1 cv.fold=1,2,3,4",
    ]


def test_options_that_belong_to_the_old_command_are_replaced_and_values_survive_shell_and_hydra():
    given = ["-m", "data=csv_text", "data.path='my reviews (1).csv'", "++run=old", "cv.fold=all", "resume=must"]
    given += ["force_resume=true", "data.drop=[a,b]", "data.delimiter=';'", "~tracker", "paths.runs='/elsewhere'"]
    run = make_run(Path("out put/运行 (2)"), range(4), command=given)
    line = missing_message(run, [4]).splitlines()[-1]
    assert values(line) == {
        "data": "csv_text",
        "data.path": "my reviews (1).csv",
        "data.drop": ["a", "b"],
        "data.delimiter": ";",
        "tracker": None,
        "paths.runs": "out put",
        "run": "运行 (2)",
        "cv.fold": 4,
    }
    swept = missing_message(run, [0, 1, 2, 4]).splitlines()[-1]
    assert " -m " in swept
    assert values(swept)["cv.fold"] == ["0", "1", "2", "4"]


def test_the_runs_directory_is_named_where_it_is_not_the_one_of_the_command(tmp_path, monkeypatch):
    kept = make_run(Path("kept/a1"), range(4), command=["paths.runs=kept", "data=wine"])
    assert missing_message(kept, [4]).endswith("python train.py data=wine paths.runs=kept run=a1 cv.fold=4")
    plain = make_run(Path("runs/b"), range(4))
    assert missing_message(plain.resolve(), [4]).endswith("python train.py data=wine run=b cv.fold=4")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    message = missing_message(tmp_path / "runs/b", [4])
    assert message.endswith(f"python train.py data=wine paths.runs={tmp_path}/runs run=b cv.fold=4")


def test_how_far_the_missing_folds_are_is_said():
    run, other = make_run(Path("runs/a1"), (0, 1)), make_run(Path("copies/b"), ())
    rewrite_fold(other, 2, identity=changed("length", "max_epochs", 2), n_epochs=2)
    (run / "fold_3").mkdir()
    (run / "fold_3/DIVERGED").write_text("diverged: loss is NaN")
    lines = foldwise_error(run, other)
    assert lines[1] == "fold 3: diverged: loss is NaN; fold 2 in copies/b: done with 2 of 3 epochs"
    assert len(lines) == 5


def foldwise_error(*places: Path) -> list[str]:
    with pytest.raises(Exception, match="not finished") as caught:
        merge(places[0], places[1:])
    return str(caught.value).splitlines()


def test_folds_trained_for_fewer_epochs_than_the_run_are_missing():
    run = make_run(Path("runs/a1"), identity=changed("length", "max_epochs", 9))
    for number in range(5):
        rewrite_fold(run, number, n_epochs=9, identity=changed("length", "max_epochs", 9))
    rewrite_fold(run, 2, n_epochs=4, identity=changed("length", "max_epochs", 4))
    assert missing_folds(run) == [2]
    assert "fold 2: done with 4 of 9 epochs" in missing_message(run, [2])
    rewrite_fold(run, 2, n_epochs=3, identity=changed("length", "max_epochs", 4))  # stopped early
    assert missing_folds(run) == []


def test_a_fold_that_is_being_trained_is_waited_for(monkeypatch):
    run = make_run(Path("runs/a1"), (0, 1, 2))
    with FoldLock(run / "fold_4") as lock:
        holder = json.loads(lock.path.read_text())
        lock.path.write_text(json.dumps({**holder, "host": "far", "machine": "far", "pid": 7}))
        lines = foldwise_error(run)
        lock.path.write_text(json.dumps(holder))
    assert lines[0] == "runs/a1: 2 of 5 folds are not finished: 3,4"
    assert lines[1].startswith("fold 4: running on far (pid 7), heartbeat ")
    assert lines[2:] == ["python train.py data=wine run=a1 cv.fold=3"]


def test_what_was_finished_elsewhere_is_kept_even_if_folds_are_still_missing():
    run, other = make_run(Path("runs/a1"), (0, 1)), make_run(Path("copies/b"), (3,))
    assert foldwise_error(run, other)[0] == "runs/a1: 2 of 5 folds are not finished: 2,4"
    assert missing_folds(run) == [2, 4]
    assert sha(run / "fold_3/DONE") == sha(other / "fold_3/DONE")


def test_a_stopped_run_is_gone_on_with_by_what_was_typed():
    typed = ["data=wine", "run=before", "+resume=must", "force_resume=true", "cv.fold=2", "run_name=x", "paths.runs=k"]
    understood = values(command_to_go_on(typed, Path("k/it's a run")))
    assert understood == {"data": "wine", "cv.fold": 2, "run_name": "x", "paths.runs": "k", "run": "it's a run"}
