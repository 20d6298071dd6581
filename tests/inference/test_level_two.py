"""Stacking that sees columns of the rows: against scikit-learn's own pipeline, and whole with two trained runs."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.inference.test_blend import Case, classes_case, logits_of
from trainer.api.runs import open_run
from trainer.cli.main import main as foldwise
from trainer.data.samples import TableColumns
from trainer.errors import ConfigError
from trainer.inference.blend import make_blend
from trainer.inference.blend_run import blend_runs
from trainer.inference.combine import combine, from_plain
from trainer.inference.level_two import RowColumns, chosen, columns_from_plain
from trainer.tasks import MULTILABEL

pytestmark = pytest.mark.usefixtures("without_pictures")
CITIES = np.array(["Lima", "Oslo", "Rome"], dtype=object)


def columns_of(case: Case, seed=0) -> RowColumns:
    """Age tells of the class, the city does not."""
    rng = np.random.default_rng(seed)
    n_rows = len(case.target)
    age_N = case.target * 2.0 + rng.normal(size=n_rows)
    table = TableColumns(age_N[:, None], CITIES[rng.integers(0, 3, (n_rows, 1))], ("age",), ("city",))
    return RowColumns(0, table)


def by_scikit_learn(case: Case, members, columns: RowColumns, fold: int) -> np.ndarray:
    """Fit on the other folds what the runs say and the columns, scaled; return (V,) probabilities of class 1."""
    odds_NK = (members.scores_KRNC[:, 0, :, 1] - members.scores_KRNC[:, 0, :, 0]).T
    rest_N = case.plan.fold_of_row[0] != fold
    city_NW = OneHotEncoder(sparse_output=False).fit(columns.table.categorical_NK[rest_N])
    table_NF = np.hstack(
        [
            odds_NK,
            StandardScaler().fit(columns.table.numeric_NF[rest_N]).transform(columns.table.numeric_NF),
            city_NW.transform(columns.table.categorical_NK),
        ]
    )
    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=1.0, max_iter=5000, tol=1e-10))
    return model.fit(table_NF[rest_N], case.target[rest_N]).predict_proba(table_NF[~rest_N])[:, 1]


def test_each_fold_is_what_scikit_learn_fits_on_the_others():
    case = classes_case(n_classes=2)
    members, columns = case.members(logits_of(case, 1.0, 0.5, n_classes=2)), columns_of(case)
    made = make_blend(members, "stack", columns=columns)
    for fold, part in enumerate(made.folds):
        wanted_V = by_scikit_learn(case, members, columns, fold)
        np.testing.assert_allclose(part.proba[:, 1], wanted_V, atol=2e-3)  # L-BFGS ends a little earlier here
    assert made.in_sample > 0.8


@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_a_fold_is_told_does_not_depend_on_its_own_rows(n_classes):
    case = classes_case(n_classes=n_classes)
    members, columns = case.members(logits_of(case, 1.0, 0.5, n_classes=n_classes)), columns_of(case)
    first = make_blend(members, "stack", columns=columns).by_fold[0]
    held_out_N = case.plan.fold_of_row[0] == 0
    numeric = np.where(held_out_N[:, None], 1e6, columns.table.numeric_NF)
    categorical = np.where(held_out_N[:, None], "Paris", columns.table.categorical_NK)
    other = replace(columns, table=replace(columns.table, numeric_NF=numeric, categorical_NK=categorical))
    again = make_blend(members, "stack", columns=other).by_fold[0]
    assert again.to_plain() == first.to_plain()


def test_columns_of_noise_do_not_raise_the_cross_fitted_score():
    rng = np.random.default_rng(3)
    case = classes_case(n_rows=200, n_classes=2)
    case = replace(case, target=rng.integers(0, 2, 200))
    noise = TableColumns(rng.normal(size=(200, 30)), np.empty((200, 0), object), tuple(f"x{i}" for i in range(30)))
    members = case.members(logits_of(case, 0.0, 0.0, n_classes=2))
    made = make_blend(members, "stack", columns=RowColumns(0, noise))
    predicted = np.concatenate([part.proba[:, 1] for part in made.folds])
    target = np.concatenate([case.target[part.rows] for part in made.folds])
    assert abs(((predicted > 0.5) == target).mean() - 0.5) < 0.1
    assert made.in_sample > 0.6


def test_what_is_kept_predicts_rows_with_cells_that_were_never_seen():
    case = classes_case()
    members, columns = case.members(logits_of(case, 1.0, 0.5)), columns_of(case)
    fitted = make_blend(members, "stack", columns=columns).fitted
    kept = from_plain(fitted.to_plain())
    assert columns_from_plain(fitted.columns.to_plain()).names == ("age", "city")
    odd = TableColumns(np.array([[np.nan], [3.0]]), np.array([["Paris"], [None]], object), ("age",), ("city",))
    proba_KNC = members.proba_KRNC[:, 0, :2]
    found = combine(kept, case.task, proba_KNC, table=odd)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found, combine(fitted, case.task, proba_KNC, table=odd))


@pytest.mark.parametrize(("names", "said"), [(["agee"], "agee: the run reads no such column: did you mean 'age'")])
def test_columns_that_are_not_there_are_named(names, said):
    with pytest.raises(ConfigError, match=said):
        chosen(columns_of(classes_case()).table, names)


@pytest.fixture(scope="module")
def table_runs(tmp_path_factory):
    """A run on the texts of a table, and one on its columns, with the table."""
    place = tmp_path_factory.mktemp("level_two")
    rng = np.random.default_rng(5)
    with (place / "rows.csv").open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "text", "age", "city", "label"])
        for row in range(60):
            z = rng.normal() + 2 * (row % 2) - 1
            sheet.writerow([f"r{row}", "good film" if row % 3 else "bad film", f"{z:.3f}", CITIES[row % 3], z > 0])
    shared = [f"data.path={place / 'rows.csv'}", "data.label=label", "data.id=id", "max_epochs=1", "cv.n_splits=3"]
    quiet = ["baseline=off", "profile=off", "tracker=none", "audit=off", f"paths.runs={place / 'runs'}"]
    small = ["data=csv_text", "data.text=text", "model=text_cnn", "model.embedding_dim=4", "model.filters=2"]
    table = ["data=csv_tabular", "data.drop=[text]", "model.hidden=[4]"]
    for name, own in (("t", small), ("c", table)):
        assert foldwise(["train", *own, *shared, *quiet, f"run={name}"]) == 0
    return place


def test_two_runs_and_columns_are_blended_proved_and_predict(table_runs, capsys):
    runs = table_runs / "runs"
    command = ["blend", str(runs / "t"), str(runs / "c"), "--out", str(runs / "b"), "--method", "stack"]
    assert foldwise([*command, "--features", "all"]) == 0
    printed = capsys.readouterr().out
    assert "age, city of the rows" in printed
    assert "cross-fitted" in printed
    assert foldwise(["verify", str(runs / "b")]) == 0
    out = table_runs / "new.csv"
    assert foldwise(["predict", str(runs / "b"), str(table_runs / "rows.csv"), "-o", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    with_age = np.array([float(row["proba_True"]) for row in rows])
    fitted = blend_runs([runs / "t", runs / "c"], runs / "b", method="stack", features=["age", "city"]).blend.fitted
    age_N = np.array([float(row["age"]) for row in csv.DictReader((table_runs / "rows.csv").read_text().splitlines())])
    assert fitted.columns.coefficients[0][0] > 0
    assert np.corrcoef(np.log(with_age / (1 - with_age)), age_N)[0, 1] > 0.9
    assert open_run(runs / "b").missing == []
    assert foldwise(["export", str(runs / "b"), "-o", str(table_runs / "ex")]) == 2
    assert "columns of the rows" in capsys.readouterr().err


def test_features_are_of_stack_and_of_a_table(table_runs, capsys):
    runs = table_runs / "runs"
    both = [str(runs / "t"), str(runs / "c")]
    assert foldwise(["blend", *both, "--out", str(runs / "x"), "--features", "age"]) == 2
    assert "--features are for --method stack" in capsys.readouterr().err
    assert foldwise(["blend", *both, "--out", str(runs / "x"), "--method", "stack", "--features", "agee"]) == 2
    assert "did you mean 'age'" in capsys.readouterr().err
    assert not (runs / "x").exists()


def test_log_odds_of_labels_and_columns_go_together():
    rng = np.random.default_rng(0)
    case = classes_case(n_rows=90, n_classes=2)
    labels = np.stack([case.target, rng.integers(0, 2, 90)], axis=1)
    case = Case(MULTILABEL, labels, case.plan)
    members = case.members(rng.normal(size=(2, 1, 90, 2)), metrics=["f1_macro"])
    columns = RowColumns(1, TableColumns(labels[:, :1] * 4.0 - 2, np.empty((90, 0), object), ("first",)))
    made = make_blend(members, "stack", columns=columns)
    proba = np.concatenate([part.proba for part in made.folds])
    target = np.concatenate([labels[part.rows] for part in made.folds])
    assert ((proba[:, 0] > 0.5) == target[:, 0]).all()
    assert abs(((proba[:, 1] > 0.5) == target[:, 1]).mean() - 0.5) < 0.15
    assert expit(made.fitted.columns.coefficients[0][0]) > 0.9
