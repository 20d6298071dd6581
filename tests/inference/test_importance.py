"""Permutation importance: scikit-learn's of the same fold models, and what a reader is told."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score

import trainer.inference.importance as measured
from tests.inference.run_cases import (
    QUICK,
    multilabel_options,
    regression_options,
    text_options,
    trained_in,
    write_rows,
)
from tests.inference.test_worst_rows import output_of
from trainer.data.samples import SparseColumns, TableColumns
from trainer.errors import CheckpointError, ConfigError
from trainer.evidence.not_defined import NotDefined
from trainer.inference.fold_model import load_fold_model
from trainer.inference.importance import Wanted, importance
from trainer.inference.permuted_columns import constant_columns, permuted
from trainer.inference.predictor import Predictor
from trainer.inference.trained import open_trained, samples_of

N_ROWS, DRAWS = 60, 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A column that decides, the same cubed, noise with gaps, a category, one that never changes."""
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    rows = [["key", "size", "cubed", "noise", "colour", "flat", "label"]]
    for number in range(N_ROWS):
        size = random.normal()
        noise = "" if number % 7 == 3 else f"{random.normal():.4f}"
        colour = ("red", "green", "blue")[number % 3]
        rows.append([f"r{number}", f"{size:.4f}", f"{size**3:.4f}", noise, colour, 5, "yes" if size > 0 else "no"])
    path = write_rows(folder / "table.csv", rows)
    options = ("data=csv_tabular", f"data.path={path}", "data.id=key", "model.hidden=[8]")
    return trained_in(folder, *options, *QUICK, "max_epochs=30", "cv.repeats=2", "optimizer.lr=0.02")


def orders_of_sklearn(seed, n_rows):
    """Return the orders that permutation_importance takes: it shuffles what is shuffled already."""
    own = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    shuffling, order = np.arange(n_rows), np.arange(n_rows)
    for _ in range(DRAWS):
        own.shuffle(shuffling)
        order = order[shuffling]
        yield order


def test_each_fold_has_the_importance_that_scikit_learn_finds(run, monkeypatch):
    opened = open_trained(run)
    samples = samples_of(opened, None, {})
    table = samples.inputs
    names = [*table.numeric, *table.categorical]
    frame = pd.DataFrame(table.numeric_NF, columns=table.numeric)
    frame = frame.assign(**dict(zip(table.categorical, table.categorical_NK.T, strict=True)))

    def as_table(frame):
        words = frame[[*table.categorical]].to_numpy(dtype=object)
        return TableColumns(frame[[*table.numeric]].to_numpy(dtype=float), words, table.numeric, table.categorical)

    kept = {}
    monkeypatch.setattr(measured, "order_of", lambda part, seed, draw: kept[part.number][draw])
    expected = {}
    for number in range(opened.plan.n_folds):
        _, rows = opened.plan.rows(*divmod(number, opened.plan.n_splits))
        predictor = Predictor(opened, (load_fold_model(opened, number),))

        def scored(_, frame, target, predictor=predictor):
            return accuracy_score(target, predictor.predict(as_table(frame))[0].proba.argmax(axis=1))

        kept[number] = list(orders_of_sklearn(number, len(rows)))
        given = DummyClassifier(), frame.iloc[rows], samples.target[rows]
        theirs = permutation_importance(*given, scoring=scored, n_repeats=DRAWS, random_state=number)
        expected[number] = dict(zip(names, theirs.importances_mean, strict=True))
    found = importance(run, Wanted("accuracy", draws=DRAWS, alike=1.0))
    assert {one.names for one in found.columns} == {(name,) for name in names}
    for one in found.columns:
        assert one.folds_K == pytest.approx([expected[number][one.names[0]] for number in found.folds], abs=1e-12)
    assert found.columns[0].value > 0.05


def test_the_command_prints_and_writes_every_column(run, tmp_path, monkeypatch):
    files = [tmp_path / name for name in ("a.csv", "a.json", "a.html")]
    code, out, err = output_of("explain", run, "--draws", 2, *(word for path in files for word in ("-o", path)))
    assert (code, err) == (0, "")
    assert "size + cubed" in out
    assert "5 in every row" in out
    assert "note: 2 columns are permuted in 1 cluster," in out
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["columns"] for row in rows][:1] == ["size + cubed"]
    assert float(rows[0]["low"]) < float(rows[0]["importance"]) < float(rows[0]["high"])
    values = json.loads(files[1].read_text())
    assert values["columns"][0]["columns"] == ["size", "cubed"]
    assert next(one for one in values["columns"] if one["columns"] == ["flat"])["importance"] == 0
    page = files[2].read_text()
    assert "size<br>cubed" in page
    assert "http" not in page
    monkeypatch.setenv("FOLDWISE_LANG", "zh")
    assert output_of("explain", run, "--draws", 1, "-o", files[2])[0] == 0
    assert 'lang="zh-CN"' in files[2].read_text()
    assert "各列的重要性" in files[2].read_text()


def test_what_had_no_turn_and_what_was_drawn_is_said(run):
    found = importance(run, Wanted(minutes=1e-9, rows=10))
    assert [one.n_draws for one in found.columns].count(1) == 1
    assert found.n_rows == 40
    assert any("40 of 120 held-out rows were drawn at random" in note for note in found.notes)
    assert any("the time was up" in note and "had no turn" in note for note in found.notes)
    one_fold = importance(run, Wanted(draws=1), folds=[3])
    assert {one.spread.why for one in one_fold.columns if isinstance(one.spread, NotDefined)} >= {
        "one fold: nothing to tell its spread from"
    }


@pytest.mark.parametrize("options", [multilabel_options, regression_options])
def test_labels_and_numbers(tmp_path, options):
    code, out, _ = output_of("explain", trained_in(tmp_path, *options(tmp_path)), "--draws", 1)
    assert code == 0
    assert ("size" if options is regression_options else "x ") in out


def test_what_cannot_be_is_refused_in_a_sentence(run, tmp_path):
    for arguments, said in (
        (("--metric", "rmse"), "'rmse' is not for a binary task"),
        (("--alike", 0), "--alike 0: a rank correlation above 0"),
        (("--folds", 9), "has no fold 9"),
        (("-o", tmp_path / "a.xlsx"), "give a name that ends in"),
        (("-o", tmp_path / "no" / "a.csv"), "there is no directory"),
    ):
        code, _, err = output_of("explain", run, *arguments)
        assert code == 2
        assert said in err
    with pytest.raises(ConfigError, match="permutation importance is of columns"):
        importance(trained_in(tmp_path, *text_options(tmp_path)), Wanted())
    (tmp_path / "bare").mkdir()
    bare = trained_in(tmp_path / "bare", *regression_options(tmp_path / "bare"), "checkpoint.save_weights=false")
    with pytest.raises(CheckpointError, match="saved without weights"):
        importance(bare, Wanted())
    (tmp_path / "part").mkdir()
    part = trained_in(tmp_path / "part", *regression_options(tmp_path / "part"), "cv.fold=0")
    with pytest.raises(CheckpointError, match="fold"):
        importance(part, Wanted())


def test_sparse_columns_are_permuted_as_dense_ones_are():
    dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 3, 0], [4, 0, 0]])
    places = [np.flatnonzero(row) for row in dense]
    offsets = np.cumsum([0, *map(len, places)])
    values = np.concatenate([row[place] for row, place in zip(dense, places, strict=True)])
    sparse = SparseColumns(values, np.concatenate(places).astype(np.int32), offsets, 3, first=1)
    order = np.array([2, 0, 3, 1])
    expected = dense.copy()
    expected[:, [0, 1]] = dense[order][:, [0, 1]]
    assert permuted(sparse, ("f1", "f2"), order).matrix().toarray().tolist() == expected.tolist()
    assert constant_columns(sparse) == {"f3": "0 in every row"}
