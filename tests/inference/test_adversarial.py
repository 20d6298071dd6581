"""A classifier tells new rows from training rows where they differ, and says so where it cannot."""

import html
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score

from tests.inference.run_cases import QUICK, trained_in
from trainer.cli.main import main
from trainer.data.samples import TableColumns, Texts
from trainer.inference.adversarial import Adversarial, _cross_validated, adversarial


def table(random, n_rows, correlation=0.0, town=(0.5, 0.5)):
    pair = random.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n_rows)
    pair[random.random(n_rows) < 0.1, 1] = np.nan
    words = random.choice(np.array(["Ulm", "Bonn"], dtype=object), (n_rows, 1), p=town)
    return TableColumns(pair, words, ("one", "two"), ("town",))


def test_rows_of_the_same_kind_are_not_told_apart():
    random = np.random.default_rng(1)
    before, after = table(random, 600), table(random, 300)
    parts = [part_of(after, slice(0, 100)), part_of(after, slice(100, 300))]
    found = adversarial(before, parts)
    assert isinstance(found, Adversarial)
    assert (found.n_training, found.n_new) == (600, 300)
    assert abs(found.auc - 0.5) < 0.08
    assert found.carried_by == ()
    assert "a classifier cannot tell new rows" in found.line


def part_of(rows, which):
    return TableColumns(rows.numeric_NF[which], rows.categorical_NK[which], rows.numeric, rows.categorical)


def test_the_interval_is_that_of_the_folds():
    scores = np.random.default_rng(0).normal(size=400)
    is_new = scores + np.random.default_rng(1).normal(size=400) > 0
    auc, (low, high), _ = _cross_validated(LogisticRegression(), scores[:, None], is_new)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    wanted = cross_val_score(LogisticRegression(), scores[:, None], is_new, cv=folds, scoring="roc_auc")
    assert auc == pytest.approx(wanted.mean(), abs=1e-12)
    drawn = np.random.default_rng(2).integers(0, 400, (300, 400))
    spread = np.std([roc_auc_score(is_new[rows], scores[rows]) for rows in drawn])
    assert 1 < (high - low) / 2 / 1.959964 / spread < 5**0.5 * 1.1  # not narrower than the bootstrap's of fixed scores


def test_columns_that_differ_only_together_carry_it():
    random = np.random.default_rng(0)
    found = adversarial(table(random, 800), [table(random, 800, correlation=0.95)])
    assert isinstance(found, Adversarial)
    assert found.ci95[0] > 0.6
    assert {name for name, _ in found.carried_by[:2]} == {"one", "two"}


def test_a_single_category_is_worth_what_its_shares_say():
    random = np.random.default_rng(0)
    found = adversarial(table(random, 2000), [table(random, 2000, town=(0.9, 0.1))])
    assert isinstance(found, Adversarial)
    exact = 0.5 + (0.9 - 0.5) / 2  # of the best rule: Ulm is new
    assert found.ci95[0] - 0.02 < exact < found.ci95[1] + 0.02
    assert found.carried_by[0][0] == "town"


def test_words_of_texts_carry_it():
    random = np.random.default_rng(0)
    old = Texts(tuple(" ".join(random.choice(["good", "bad", "room"], 4)) for _ in range(80)))
    new = Texts(tuple(" ".join(random.choice(["good", "bad", "refund"], 4)) for _ in range(80)))
    found = adversarial(old, [new])
    assert isinstance(found, Adversarial)
    assert found.auc > 0.9
    assert {name for name, _ in found.carried_by[:2]} == {"room", "refund"}
    assert "too few" in adversarial(old, [Texts(new.texts[:5])])


def test_predict_tells_it_and_what_is_missing(tmp_path, capsys):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"height": random.normal(170, 9, 120), "age": random.normal(50, 9, 120)})
    frame["label"] = np.where(frame["height"] > 170, "tall", "short")
    frame.to_csv(tmp_path / "people.csv", index=False)
    run = trained_in(tmp_path, "data=csv_tabular", f"data.path={tmp_path}/people.csv", "model.hidden=[4]", *QUICK)
    frame.assign(age=frame["age"] + 60).to_csv(tmp_path / "new.csv", index=False)
    command = ["predict", str(run), str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv"), "--adversarial"]
    assert main([*command, "--drift", str(tmp_path / "drift.html")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    found = r"adversarial AUC 0\.9\d\d \[0\.\d+, 1\.000\]: a classifier tells new rows .*, by 'age' \(0\.\d+\)"
    assert re.search(found, said)
    assert re.search(found, html.unescape((tmp_path / "drift.html").read_text("utf-8")))
    shutil.move(tmp_path / "people.csv", tmp_path / "moved.csv")
    assert main(command) == 0
    assert "adversarial AUC: not computed, it needs the training rows themselves" in " ".join(
        capsys.readouterr().out.split()
    )
