"""Whole runs of every splitting strategy: who is trained on, who is scored, jobs, resuming, merging."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedShuffleSplit, TimeSeriesSplit

from tests.battery import some_of
from trainer.folds.plan import read_plan

QUICK = (
    "max_epochs=1",
    "profile.enabled=false",
    "tracker.name=none",
    "preflight=false",
    "baseline=off",
    "cv.parallel=1",
)
N = 60
SUBJECTS = np.array([f"subject {i % 4}" for i in range(N)])
DAYS = np.random.default_rng(1).permutation(N)


def write_table(path: Path, n_labels: int = 1, words: str = "") -> tuple[str, ...]:
    """A table with features, labels, groups, times and given folds; return the options that read it."""
    random = np.random.default_rng(0)
    label = np.arange(N) % 2
    features = random.normal(size=(N, 3)) + label[:, None]
    parts = ["train" if i % 3 else "test" for i in range(N)] if words else [str(i % 4 - 1) for i in range(N)]
    names = ["label"] if n_labels == 1 else [f"label:{i}" for i in range(n_labels)]
    lines = ["a,b,c,subject,day,part," + ",".join(names)]
    for i in range(N):
        labels = [str(label[i])] if n_labels == 1 else [str(int(random.random() < 0.4)) for _ in names]
        cells = [*(f"{value:.4f}" for value in features[i]), SUBJECTS[i], f"2024-01-01 00:00:{DAYS[i]:02d}", parts[i]]
        lines.append(",".join([*cells, *labels]))
    path.write_text("\n".join(lines) + "\n")
    wanted = "data.label=label" if n_labels == 1 else "data.label='label:*'"
    return ("data=csv_tabular", f"data.path={path}", wanted)


def options(tmp_path: Path, strategy: str) -> tuple[str, ...]:
    """What trains ``strategy``; columns without a role are dropped."""
    roles = {
        "leave_one_group_out": "data.group=subject",
        "group": "data.group=subject",
        "multilabel": "data.group=subject",
        "time": "data.time=day",
        "predefined": "data.split=part",
        "holdout": "",
    }[strategy]
    columns = {"subject", "day", "part"} - {roles.rpartition("=")[2]}
    table = write_table(tmp_path / "table.csv", n_labels=3 if strategy == "multilabel" else 1)
    loss = ("loss=bce",) if strategy == "multilabel" else ()
    given = (*table, *([roles] if roles else []), f"data.drop=[{','.join(sorted(columns))}]", f"cv={strategy}", *loss)
    return (*given, "cv.n_splits=3") if strategy in ("time", "multilabel", "group") else given


def expected_pairs(strategy: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The folds by scikit-learn's own splitters."""
    x, label = np.zeros(N), np.arange(N) % 2
    if strategy == "leave_one_group_out":
        return list(LeaveOneGroupOut().split(x, groups=SUBJECTS))
    if strategy == "group":
        return list(GroupKFold(3, shuffle=True, random_state=42).split(x, groups=SUBJECTS))
    if strategy == "holdout":
        return [
            tuple(map(np.sort, one))
            for one in StratifiedShuffleSplit(1, test_size=0.2, random_state=42).split(x, label)
        ]
    if strategy == "time":
        by_time = np.argsort(DAYS)
        return [(np.sort(by_time[a]), np.sort(by_time[b])) for a, b in TimeSeriesSplit(3).split(x)]
    folds = np.arange(N) % 4 - 1
    return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fold_of(run: Path, number: int) -> tuple[np.ndarray, int]:
    rows = pq.read_table(run / f"fold_{number}/oof.parquet")["row"].to_numpy()
    return rows, json.loads((run / f"fold_{number}/DONE").read_text())["n_train"]


STRATEGIES = ("leave_one_group_out", "group", "time", "holdout", "predefined", "multilabel")


def whole_run(train, tmp_path, strategy):
    """Train every fold in one run, look at its rows and return its options and its directory."""
    given = options(tmp_path, strategy)
    outcome = train(*given, "run=whole", *QUICK)
    assert outcome.code == 0, outcome.err
    whole = tmp_path / "runs/whole"
    if strategy == "multilabel":
        require_whole_groups(whole)
    else:
        require_what_scikit_learn_says(whole, expected_pairs(strategy))
    return given, whole


@pytest.mark.parametrize("strategy", ["leave_one_group_out", "holdout", "predefined", "multilabel"])
def test_a_whole_run(train, tmp_path, strategy):
    whole_run(train, tmp_path, strategy)


@pytest.mark.parametrize("strategy", some_of(STRATEGIES, {"group", "time"}))
def test_separate_jobs_and_a_resumed_run_are_the_same_bytes_as_the_whole_run(train, tmp_path, strategy, capsys):
    from trainer.cli.main import main as foldwise

    given, whole = whole_run(train, tmp_path, strategy)
    before = sha(whole / "oof.parquet")
    n_folds = len(list(whole.glob("fold_*")))
    for number in range(n_folds):  # each fold on a machine of its own
        assert train(*given, "run=part", f"paths.runs=at{number}", f"cv.fold={number}", *QUICK).code == 0
    assert foldwise(["merge", *(f"at{number}/part" for number in range(n_folds))]) == 0, capsys.readouterr().err
    assert sha(Path("at0/part/oof.parquet")) == before
    shutil.rmtree(whole / f"fold_{n_folds - 1}")
    (whole / "oof.parquet").unlink()
    assert train(*given, "run=whole", *QUICK).code == 0
    assert sha(whole / "oof.parquet") == before


def require_what_scikit_learn_says(run: Path, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Every fold trains on and holds out the rows of its pair, and the result is of the held-out rows alone."""
    table = pq.read_table(run / "oof.parquet")
    fold_N = np.full(N, -1)
    for number, (trained, held_out) in enumerate(pairs):
        rows, n_train = fold_of(run, number)
        np.testing.assert_array_equal(rows, held_out)
        assert n_train == len(trained)
        fold_N[held_out] = number
    scored = np.flatnonzero(fold_N >= 0)
    assert table["id"].to_pylist() == [str(row) for row in scored]
    assert table["fold"].to_pylist() == fold_N[scored].tolist()
    assert table["target"].to_pylist() == (scored % 2).tolist()
    proba = np.stack([table["proba_0"].to_numpy(), table["proba_1"].to_numpy()], axis=1)
    assert np.isfinite(proba).all()
    result = json.loads((run / "cv.json").read_text())
    accuracy = result["metrics"]["accuracy"]
    assert result["n_splits"] == len(accuracy["folds"]) == len(pairs)
    assert accuracy["oof"] == pytest.approx(accuracy_score(scored % 2, proba.argmax(axis=1)))
    assert accuracy["ci95"][0] <= accuracy["oof"] <= accuracy["ci95"][1]
    never = f"{N - len(scored)} of {N} rows were never held out"
    assert (never in (run / "report.md").read_text()) == (len(scored) < N)


def require_whole_groups(run: Path) -> None:
    folds = pq.read_table(run / "oof.parquet")["fold"].to_numpy()
    assert len(folds) == N
    for subject in np.unique(SUBJECTS):
        assert len(set(folds[subject == SUBJECTS])) == 1


def test_repeated_holdouts_pool_what_each_repeat_held_out(train, tmp_path):
    outcome = train(*options(tmp_path, "holdout"), "cv.repeats=3", "cv.holdout_fraction=0.25", "run=r", *QUICK)
    assert outcome.code == 0, outcome.err
    run = tmp_path / "runs/r"
    table = pq.read_table(run / "oof.parquet")
    plan = read_plan(run / "folds.json")
    for repeat in range(3):
        part = table.filter(np.asarray(table["repeat"]) == repeat)
        held_out = np.flatnonzero(plan.fold_of_row[repeat] == 0)
        assert part["id"].to_pylist() == [str(row) for row in held_out]
    accuracy = json.loads((run / "cv.json").read_text())["metrics"]["accuracy"]
    assert accuracy["oof"] == pytest.approx(np.mean(accuracy["folds"]))  # one fold per repeat
    assert accuracy["ci95"][0] <= accuracy["oof"] <= accuracy["ci95"][1]
    never = int((plan.fold_of_row < 0).all(axis=0).sum())
    assert f"{never} of {N} rows were never held out" in (run / "report.md").read_text()
    assert "over 1 fold x 3 repeats" in (run / "report.md").read_text()


@pytest.mark.parametrize("name", ["folds.json", "splits_final.json"])
def test_the_folds_of_a_file_train_to_the_same_predictions(train, tmp_path, capsys, name):
    from trainer.cli.main import main as foldwise

    table = write_table(tmp_path / "table.csv")
    dropped = "data.drop=[subject,day,part]"
    assert train(*table, dropped, "cv.n_splits=3", "run=made", *QUICK).code == 0
    drops = ["--drop", "subject", "--drop", "day", "--drop", "part"]
    assert (
        foldwise(["split", str(tmp_path / "table.csv"), "--label", "label", "--n-splits", "3", *drops, "--out", name])
        == 0
    )
    assert f"cv.path={name}" in capsys.readouterr().out
    outcome = train(*table, dropped, "cv=predefined", f"cv.path={name}", "run=given", *QUICK)
    assert outcome.code == 0, outcome.err
    assert sha(tmp_path / "runs/given/oof.parquet") == sha(tmp_path / "runs/made/oof.parquet")


def test_the_folds_file_may_move_but_not_change(train, tmp_path):
    table = (*write_table(tmp_path / "table.csv"), "data.drop=[subject,day,part]", "cv=predefined", "run=r", *QUICK)
    text = "id,fold\n" + "".join(f"{i},{i // 2 % 2}\n" for i in range(N))
    (tmp_path / "one.csv").write_text(text)
    (tmp_path / "two.csv").write_text(text)
    (tmp_path / "other.csv").write_text(text.replace("\n0,0\n", "\n0,1\n"))
    assert train(*table, "cv.path=one.csv", "cv.fold=0").code == 0
    assert train(*table, "cv.path=two.csv", "cv.fold=1").code == 0
    assert (tmp_path / "runs/r/cv.json").exists()
    outcome = train(*table, "cv.path=other.csv", "cv.fold=1")
    assert outcome.code == 4
    assert "folds (fingerprint)" in outcome.err


def test_other_times_are_other_data(train, tmp_path):
    given = (*options(tmp_path, "time"), "cv=kfold", "cv.n_splits=3", "run=r", *QUICK)
    assert train(*given, "cv.fold=0").code == 0
    table = tmp_path / "table.csv"
    table.write_text(table.read_text().replace("2024-01-01", "2024-01-02"))
    outcome = train(*given, "cv.fold=1")
    assert outcome.code == 4
    assert "data (sha256)" in outcome.err


def poisoned(source: Path, target: Path, rows: np.ndarray) -> None:
    """Copy a table with other features and the other label in some rows."""
    lines = source.read_text().splitlines()
    for row in rows:
        *_, subject, day, part, label = lines[row + 1].split(",")
        lines[row + 1] = ",".join(["1000", "-1000", "1000", subject, day, part, "1" if label == "0" else "0"])
    target.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("select", ["last", "inner"])
@pytest.mark.parametrize("strategy", ["time", "predefined"])
def test_what_a_fold_does_not_train_on_cannot_reach_its_weights(train, tmp_path, strategy, select):
    """Held-out rows, rows in the gap and rows beyond the window are poisoned: not one bit of the model may change."""
    if strategy == "time":
        more, dropped = ("data.time=day", "cv.n_splits=3", "cv.gap=4", "cv.window=12"), "[subject,part]"
        trained = np.argsort(DAYS)[14:26]  # fold 1 holds out times 30..44
    else:
        more, dropped = ("data.split=part",), "[subject,day]"
        trained = np.flatnonzero(np.arange(N) % 3)
    common = (f"cv={strategy}", *more, f"data.drop={dropped}", f"cv.select={select}", "max_epochs=2", *QUICK[1:])
    number = "1" if strategy == "time" else "0"
    write_table(tmp_path / "clean.csv", words="yes")
    poisoned(tmp_path / "clean.csv", tmp_path / "poisoned.csv", np.setdiff1d(np.arange(N), trained))
    for name in ("clean", "poisoned"):
        table = ("data=csv_tabular", f"data.path={tmp_path / name}.csv", "data.label=label")
        outcome = train(*table, *common, f"run={name}", f"cv.fold={number}")
        assert outcome.code == 0, outcome.err
    clean, spoilt = (tmp_path / "runs" / name / f"fold_{number}" for name in ("clean", "poisoned"))
    assert (clean / "preprocess.json").read_bytes() == (spoilt / "preprocess.json").read_bytes()
    one, other = load_file(clean / "model.safetensors"), load_file(spoilt / "model.safetensors")
    assert all((one[name] == other[name]).all() for name in one)
    assert sha(clean / "oof.parquet") != sha(spoilt / "oof.parquet")  # the poison is in what was scored
    n_train = json.loads((clean / "DONE").read_text())["n_train"]
    assert n_train == len(trained) if select == "last" else 0 < n_train < len(trained)


def test_groups_are_told_apart_by_their_whole_name(train, tmp_path):
    """A group column handed on as a string would be split into letters, or all rows would be one group."""
    path = tmp_path / "t.csv"
    groups = ["s1", "s11", "s 1", "1s", "S1", "01", "1", "王"]
    lines = [f'{i % 5},{i % 2},"{groups[i // 4 % 8]}"' for i in range(64)]
    path.write_text("x,label,subject\n" + "\n".join(lines) + "\n", encoding="utf-8")
    arguments = ("data=csv_tabular", f"data.path={path}", "data.group=subject", "cv=leave_one_group_out")
    assert train(*arguments, *QUICK).code == 3  # s1, s 1 and S1 may be one
    outcome = train(*arguments, "data.spellings=apart", "run=r", *QUICK)
    assert outcome.code == 0, outcome.err
    folds = pq.read_table(tmp_path / "runs/r/oof.parquet")["fold"].to_numpy()
    names = sorted(groups)
    assert folds.tolist() == [names.index(groups[i // 4 % 8]) for i in range(64)]


def test_the_inner_slice_keeps_groups(train, tmp_path):
    from trainer.run.fold_data import fold_rows

    seen = []
    experiment = prepared(options(tmp_path, "group"), tmp_path, "cv.select=inner", "cv.inner_fraction=0.2")
    for number in (*range(experiment.plan.n_folds), "all"):  # the last trains on every row
        rows = fold_rows(experiment, number)
        assert len(rows.monitor)
        assert not set(rows.train) & set(rows.monitor)
        assert not set(SUBJECTS[rows.train]) & set(SUBJECTS[rows.monitor])
        assert not set(np.concatenate([rows.train, rows.monitor])) & set(rows.held_out)
        seen.append(len(rows.train) + len(rows.monitor) + len(rows.held_out))
    assert seen == [N] * len(seen)


def test_the_inner_slice_is_the_latest_part(train, tmp_path):
    from trainer.run.fold_data import fold_rows

    experiment = prepared(options(tmp_path, "time"), tmp_path, "cv.select=inner", "cv.inner_fraction=0.2", "cv.gap=2")
    for number in range(experiment.plan.n_folds):
        rows = fold_rows(experiment, number)
        trained, monitored, held_out = (np.sort(DAYS[part]) for part in (rows.train, rows.monitor, rows.held_out))
        assert trained.max() + 3 == monitored.min()  # two times lie between
        assert monitored.max() + 3 == held_out.min()
        assert len(monitored) == round(0.2 * (held_out.min() - 2))


def prepared(given: tuple[str, ...], tmp_path: Path, *more: str):
    """The experiment of a command line."""
    from hydra import compose, initialize_config_dir

    import train as script
    from trainer.config.compose import to_run_config
    from trainer.config.keys import CONF
    from trainer.run.prepare import prepare

    assert script.main is not None
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides=[*given, *more]), [*given, *more])
    return prepare(config)


def test_the_split_report_of_a_run_says_what_each_fold_holds(train, tmp_path):
    from sklearn.datasets import load_iris

    assert train("data=iris", "run=a1", "cv.fold=0", "max_epochs=1", "tracker=none", "profile=off").code == 0
    report = json.loads((tmp_path / "runs/a1/split.json").read_text())
    folds = json.loads((tmp_path / "runs/a1/folds.json").read_text())["fold_of_row"][0]
    counts = [np.bincount(load_iris().target[np.array(folds) == fold], minlength=3).tolist() for fold in range(5)]
    assert [fold["counts"] for fold in report["folds"]] == counts
