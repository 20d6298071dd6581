"""``foldwise split``: what is printed and written, and that it fits the data sets it was made for."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.places import EXCERPTS, REAL_DATA
from trainer.cli.main import main as foldwise
from trainer.folds.io.split_files import read_split


@pytest.fixture
def split(tmp_path, monkeypatch, capsys):
    """``split("t.csv", "--label", "y")`` in an empty directory: exit code, output, error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object):
        capsys.readouterr()
        code = foldwise(["split", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def table(tmp_path) -> str:
    lines = [f"{i * 0.5},word {i},{'ab'[i % 2]},g{i // 4},{i},{i % 3}" for i in range(48)]
    (tmp_path / "t.csv").write_text("x,text,label,team,when,part\n" + "\n".join(lines) + "\n")
    return "t.csv"


def column(path: str, name: str) -> list[str]:
    with Path(path).open(newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("given", "strategy"),
    [
        ([], "stratified, 5"),
        (["--group", "team"], "stratified_group, 5"),
        (["--time", "when"], "time, 5"),
        (["--split", "part"], "predefined, 3"),
        (["--label", "part", "--cv", "kfold", "--n-splits", "4", "--repeats", "2"], "kfold, 4 x 2 repeats"),
    ],
)
def test_the_columns_given_decide_the_strategy(split, table, given, strategy):
    label = [] if "--label" in given else ["--label", "label"]
    code, out, err = split(table, *label, *given)
    assert code == 0, err
    assert f"Split: {strategy}" in out


def test_a_split_that_the_format_knows_is_made_again(split, tmp_path):
    for name in (f"{part}/{label}/{n}.txt" for part in ("train", "test") for label in "ab" for n in range(5)):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / name).write_text(f"text {name}")
    given = ["texts", "--label", "label", "--text", "text"]
    code, out, err = split(*given)
    assert (code, "Split: predefined, 1" in out) == (0, True), err
    code, out, err = split(*given, "--cv", "stratified")
    assert (code, "leave the folds out (--split none" in err) == (2, True), err
    code, out, err = split(*given, "--split", "none", "--out", "folds.csv")
    assert (code, "Split: stratified, 5" in out) == (0, True), err
    assert "data.split=none model=text_cnn cv=predefined cv.path=folds.csv" in out
    assert sorted(column("folds.csv", "fold")) == sorted("01234" * 4)


def test_several_labels_are_split_by_iterative_stratification(split, tmp_path):
    (tmp_path / "m.csv").write_text("x,l:a,l:b\n" + "".join(f"{i},{i % 2},{int(i % 3 == 0)}\n" for i in range(30)))
    code, out, err = split("m.csv", "--label", "l:*", "--out", "folds.csv")
    assert code == 0, err
    assert "Split: multilabel, 5" in out
    assert split("m.csv", "--label", "l:a", "--label", "l:b", "--out", "again.csv")[0] == 0
    assert Path("again.csv").read_text() == Path("folds.csv").read_text()


@pytest.mark.parametrize("name", ["folds.json", "folds.csv", "folds.npz", "splits_final.json", "datalist.json"])
def test_what_is_written_reads_back_as_the_same_folds(split, table, name):
    from sklearn.model_selection import StratifiedKFold

    assert split(table, "--label", "label", "--n-splits", 3, "--seed", 0, "--out", name)[0] == 0
    given = read_split(name, np.arange(48).astype(np.str_))
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(np.zeros(48), np.arange(48) % 2)
    for fold, (_, held_out) in enumerate(folds):
        rows = given[fold][1] if isinstance(given, tuple) else np.flatnonzero(np.atleast_2d(given)[0] == fold)
        np.testing.assert_array_equal(np.sort(rows), held_out)


def test_the_order_of_the_rows_says_nothing_where_there_are_ids(split, tmp_path):
    lines = [f"id{i},{i},{'ab'[i % 2]}" for i in range(20)]
    for name, order in (("a.csv", lines), ("b.csv", lines[::-1])):
        (tmp_path / name).write_text("key,x,label\n" + "\n".join(order) + "\n")
        assert split(name, "--label", "label", "--id", "key", "--out", f"folds_{name}")[0] == 0
    one, other = (
        dict(zip(column(f"folds_{name}", "id"), column(f"folds_{name}", "fold"), strict=True))
        for name in ("a.csv", "b.csv")
    )
    assert one == other
    assert len(one) == 20


def test_the_command_that_trains_on_it_does(split, table, train):
    code, out, err = split(table, "--label", "label", "--text", "text", "--group", "team", "--out", "my folds.csv")
    assert code == 0, err
    (command,) = [line for line in out.splitlines() if line.startswith("train on it: python train.py ")]
    arguments = shlex.split(command.removeprefix("train on it: python train.py "))
    outcome = train(*arguments, "max_epochs=1", "profile.enabled=false", "tracker.name=none", "baseline=off", "run=r")
    assert outcome.code == 0, outcome.err
    folds = json.loads(Path("runs/r/folds.json").read_text())["fold_of_row"][0]
    assert folds == [int(fold) for fold in column("my folds.csv", "fold")]


def test_a_column_that_gives_the_folds_is_no_feature_when_trained_on(split, table):
    code, out, err = split(table, "--label", "label", "--split", "part", "--drop", "team", "--out", "folds.csv")
    assert code == 0, err
    assert '"data.drop=[team,part]" cv=predefined cv.path=folds.csv' in out


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--cv", "leave_one_group_out"], 2, "--cv leave_one_group_out needs to know the groups: set --group COLUMN"),
        (["--cv", "startified"], 2, "--cv: unknown 'startified': did you mean 'stratified'?"),
        (["--cv", "time"], 2, "set --time COLUMN"),
        (["--gap", "3"], 2, "--gap has no effect with --cv stratified: leave it out, or use --cv time"),
        (["--n-splits", "1", "--repeats", "0"], 2, "--n-splits 1: must be at least 2\n--repeats 0: must be at least 1"),
        (["--rare", "drop"], 2, "--rare: unknown 'drop'"),
        (["--seed", "5000000000"], 2, "--seed 5000000000: must be at most 4294967295"),
        (["--n-splits", "40"], 3, "class 'a': 24 rows < 40 folds\n"),
        (["--n-splits", "40"], 3, "use --n-splits 24 or less, --rare merge, keep_in_train or allow, or --cv kfold"),
        (["--text", "text", "--drop", "x"], 2, "--drop has no effect with --text"),
        (["--split", "team"], 3, "column 'team': 'g0' in row 1 is no fold"),
        (["--id", "team"], 3, "duplicate id 'g0'"),
        (["--id", "team"], 3, "repair them, or leave --id out to number the rows"),
        (["--group", "team", "--cv", "predefined", "--split", "part"], 3, "or leave --group out"),
        (["--id", "taem"], 3, "no column 'taem' (--id): did you mean 'team'? set --id team"),
        (["--out", "folds.txt"], 2, "folds.txt: its name says no format of folds: have folds.json"),
        (["--out", "absent/folds.csv"], 6, "there is no directory absent: make it first"),
    ],
)
def test_errors_speak_of_the_options_of_this_command(split, table, given, code, message):
    found, _, err = split(table, "--label", "label", *given)
    assert found == code, err
    assert message in err
    assert "cv." not in err
    assert "data." not in err


@pytest.mark.parametrize(("name", "cell"), [("when", "soon"), ("my x", "soon"), ("my x", '"1,234"')])
def test_a_column_to_leave_out_is_named_as_it_is_typed(split, tmp_path, name, cell):
    cells = [cell, "1", "2", "3"] if cell == "soon" else [cell] * 4
    rows = [f"{place},{one},{'ab'[place % 2]}" for place, one in enumerate(cells)]
    (tmp_path / "t.csv").write_text(f"z,{name},label\n" + "\n".join(rows) + "\n")
    code, _, err = split("t.csv", "--label", "label")
    assert (code, f"column '{name}' " in err) == (3, True)
    typed = shlex.split(re.search(r"set (--drop ('[^']*'|\w+))", err)[1])
    assert typed == ["--drop", name]
    assert not re.search(r"\[|categorical|missing", err)
    assert split("t.csv", "--label", "label", "--n-splits", "2", *typed)[0] == 0


def test_help_says_how(split):
    code, out, _ = split("--help")
    assert code == 0
    for word in ("--label", "--holdout-fraction", "leave_one_group_out", "splits_final.json", "cv.path=NAME"):
        assert word in out


@pytest.mark.real_data
def test_emotions_by_iterative_stratification(split):
    code, out, err = split(REAL_DATA / "multilabel/emotions.csv", "--label", "label:*", "--drop", "split")
    assert code == 0, err
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("label:")]
    counts = {row[0][:13]: list(map(int, row[-6:])) for row in rows if len(row) >= 7 and row[-1].isdigit()}
    assert len(counts) == 6
    for total, *held_out in counts.values():
        assert sum(held_out) == total
        assert max(held_out) - min(held_out) <= 1


def test_parkinsons_keeps_its_subjects_together(split):
    path = EXCERPTS / "parkinsons.csv"
    code, out, err = split(path, "--label", "label", "--group", "subject", "--out", "folds.csv")
    assert code == 0, err
    assert "groups are on both sides" not in out
    subject, fold = np.array(column(str(path), "subject")), np.array(column("folds.csv", "fold"))
    assert len(np.unique(subject)) == 32
    assert all(len(set(fold[subject == one])) == 1 for one in np.unique(subject))


def test_hypothyroids_class_of_two_is_refused_or_dealt_with(split):
    path = EXCERPTS / "hypothyroid.csv"
    code, _, err = split(path, "--label", "label")
    assert code == 3
    assert "class 'secondary_hypothyroid': 2 rows < 5 folds" in err
    code, out, err = split(path, "--label", "label", "--rare", "keep_in_train", "--out", "folds.csv")
    assert code == 0, err
    assert "2 rows are never held out (--rare keep_in_train): 'secondary_hypothyroid' (2 rows)" in out
    label, fold = np.array(column(str(path), "label")), np.array(column("folds.csv", "fold"))
    assert set(fold[label == "secondary_hypothyroid"]) == {"-1"}
    assert (fold == "-1").sum() == 2


def test_the_file_that_is_split_is_not_written_over(split, table, tmp_path):
    before = Path(table).read_text()
    (tmp_path / "link.csv").symlink_to(tmp_path / table)
    for out in (table, f"./{table}", "link.csv"):
        code, _, err = split(table, "--label", "label", "--out", out)
        assert (code, "is the file that is split" in err) == (2, True), err
    (tmp_path / "other.csv").write_text("x,label\n1,a\n")
    code, _, err = split(table, "--label", "label", "--out", "other.csv")
    assert (code, "other.csv: is there and is not only folds of this data" in err) == (2, True), err
    assert (Path(table).read_text(), Path("other.csv").read_text()) == (before, "x,label\n1,a\n")
    for _ in range(2):
        assert split(table, "--label", "label", "--out", "folds.csv")[0] == 0


def test_a_file_of_folds_is_shown_and_converted(split, table):
    assert split(table, "--label", "label", "--cv", "kfold", "--n-splits", 3, "--out", "folds.csv")[0] == 0
    code, out, err = split(table, "--label", "label", "--path", "folds.csv", "--out", "splits_final.json")
    assert code == 0, err
    assert "Split: predefined, 3" in out
    fold = column("folds.csv", "fold")
    written = json.loads(Path("splits_final.json").read_text())
    assert [[fold[int(one)] for one in part["val"]] for part in written] == [[str(k)] * 16 for k in range(3)]
    code, _, err = split(table, "--label", "label", "--path", "folds.csv", "--split", "part")
    assert (code, "--split and --path both give the folds" in err) == (2, True)
    code, _, err = split(table, "--label", "label", "--cv", "predefined")
    assert (code, "set --split COLUMN or --path FILE" in err) == (2, True)


def test_several_labels_are_trained_on_as_printed(split, train, tmp_path):
    rows = "".join(f"{i * 0.37 % 1},{i % 2},{int(i % 3 == 0)}\n" for i in range(30))
    (tmp_path / "m.csv").write_text("x,l:a,l:b\n" + rows)
    code, out, err = split("m.csv", "--label", "l:*", "--n-splits", 3, "--out", "folds.csv")
    assert code == 0, err
    (command,) = [line for line in out.splitlines() if line.startswith("train on it: python train.py ")]
    arguments = shlex.split(command.removeprefix("train on it: python train.py "))
    assert arguments[-3] == "loss=bce"
    outcome = train(*arguments, "max_epochs=1", "profile.enabled=false", "tracker.name=none", "baseline=off")
    assert outcome.code == 0, outcome.err
