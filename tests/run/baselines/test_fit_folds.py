"""Baselines in runs: which are fitted, what they may cost, and that jobs, copies and kills leave them the same."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.cli.main import main as foldwise
from trainer.data.samples import TableColumns
from trainer.run.baselines import fit_folds
from trainer.store.fold_files import read_done
from trainer.store.result_files import read_cv_json, read_oof

QUICK = ("data=wine", "max_epochs=1", "profile=off", "tracker=none", "audit=off", "preflight=false", "cv.n_splits=3")


def result(tmp_path, name):
    return read_cv_json(tmp_path / "runs" / name / "cv.json")


def scores(tmp_path, name):
    return {key: (one.metrics, one.lead) for key, one in result(tmp_path, name).baselines.items() if not one.skipped}


def boosted_rows(n_columns):
    names = tuple(map(str, range(n_columns)))
    table = TableColumns(np.zeros((1, n_columns)), np.empty((1, 0), dtype=object), names)
    spec = SimpleNamespace(task=SimpleNamespace(several_labels=False), classes=("a", "b"))
    return SimpleNamespace(source=table, spec=spec)


def test_the_linear_probe_is_scored_on_the_rows_that_the_run_holds_out(train, tmp_path):
    outcome = train(*QUICK, "baseline=linear", "run=a")
    found = result(tmp_path, "a")
    linear, oof = found.baselines["linear"], read_oof(tmp_path / "runs/a/oof.parquet")
    data, target = load_wine(return_X_y=True)
    predicted = np.zeros_like(target)
    folds = []
    for fold in range(3):
        held = oof.fold == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(data[~held], target[~held])
        predicted[held] = model.predict(data[held])
        folds.append(accuracy_score(target[held], predicted[held]))
    accuracy = linear.metrics["accuracy"]
    assert accuracy.folds == pytest.approx(folds)
    assert accuracy.oof == pytest.approx(accuracy_score(target, predicted))
    assert (accuracy.mean, accuracy.sd) == pytest.approx((np.mean(folds), np.std(folds, ddof=1)))
    gaps = np.subtract(found.metrics["accuracy"].folds, folds)
    lead = linear.lead["accuracy"]
    assert lead.folds == pytest.approx(gaps)
    assert (lead.mean, lead.sd) == pytest.approx((gaps.mean(), gaps.std(ddof=1)))
    assert lead.verdict == "worse"  # one epoch
    assert f"accuracy out of fold: linear probe {accuracy.oof:.4f} · this model" in outcome.out
    assert "worse than linear probe: -" in outcome.out
    assert list(found.baselines) == ["linear"]


def test_jobs_copies_and_a_lost_file_give_the_same_baselines(train, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_folds, "LEAST_SECONDS", 60.0)
    assert train(*QUICK, "cv.parallel=2", "run=whole").code == 0
    assert list(scores(tmp_path, "whole")) == ["linear", "boosting"]
    assert train(*QUICK, "paths.runs=far", "run=a", "cv.fold=2").code == 0
    for fold in (1, 0):
        assert train(*QUICK, "run=a", f"cv.fold={fold}").code == 0
    assert foldwise(["merge", "runs/a", "far/a"]) == 0
    assert scores(tmp_path, "a") == scores(tmp_path, "whole")
    whole = tmp_path / "runs/whole"
    (whole / "fold_0/baselines.json").unlink()
    (whole / "fold_1/baseline-linear.parquet").write_bytes(b"damaged")
    wanted = scores(tmp_path, "whole")
    assert foldwise(["merge", "runs/whole"]) == 0
    assert {key: one.skipped for key, one in result(tmp_path, "whole").baselines.items()} == {
        "linear": "fitted in 1 of 3 folds: the other folds lack it",
        "boosting": "fitted in 2 of 3 folds: the other folds lack it",
    }
    assert train(*QUICK, "run=whole").code == 0
    assert scores(tmp_path, "whole") == wanted


def test_auto_leaves_out_what_costs_too_much_and_its_name_forces_it(train, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_folds, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(fit_folds, "SHARE", 1e-9)
    outcome = train(*QUICK, "run=a", "cv.parallel=1")
    assert scores(tmp_path, "a") == {}
    assert "boosting skipped: about" in outcome.out
    trained = sum(read_done(tmp_path / f"runs/a/fold_{fold}")["seconds"] for fold in range(3))
    said = f"more than a tenth of the training time ({trained:.2g} s); baseline=linear fits it all the same"
    assert said in outcome.out
    assert said in train(*QUICK, "run=a", "cv.parallel=1").out  # and when it is only read again
    assert not list((tmp_path / "runs/a").glob("*/*.parquet.tmp*"))
    before = (tmp_path / "runs/a/oof.parquet").read_bytes()
    outcome = train(*QUICK, "run=a", "baseline=boosting")
    assert list(scores(tmp_path, "a")) == ["boosting"]
    assert outcome.out.count("boosting 0.") == 1
    assert (tmp_path / "runs/a/oof.parquet").read_bytes() == before
    assert train(*QUICK, "run=a", "baseline=linear").code == 0
    assert list(scores(tmp_path, "a")) == ["linear", "boosting"]


def test_boosting_that_costs_too_much_on_few_rows_is_not_tried_on_more(monkeypatch):
    tried = []

    def predict(name, rows, train, held_out, iterations):
        tried.append((len(train), iterations))
        return None, len(train) * iterations * 1e-3

    monkeypatch.setattr(fit_folds, "predict_fold", predict)
    rows, train = boosted_rows(n_columns=3), np.arange(2_000)
    assert fit_folds._estimate("boosting", rows, train, n_folds=10, allowed=99.0) == pytest.approx(100.0)
    assert tried == [(100, 1), (100, 6)]
    assert fit_folds._estimate("boosting", rows, train, n_folds=10, allowed=101.0) == pytest.approx(2_000.0)
    assert tried[2:] == [(100, 1), (100, 6), (1_000, 1), (1_000, 6)]


def test_boosting_of_more_cells_than_it_has_time_for_is_not_tried_at_all(monkeypatch):
    monkeypatch.setattr(fit_folds, "predict_fold", None)
    train = np.arange(2_000)
    assert fit_folds._estimate("boosting", boosted_rows(800), train, n_folds=10, allowed=1.8) == pytest.approx(1.9)


def test_off_and_images_have_none_and_other_rows_than_the_runs_do_not_count(train, tmp_path):
    assert train(*QUICK, "run=a", "baseline=off").code == 0
    assert result(tmp_path, "a").baselines == {}
    assert "## Baselines" not in (tmp_path / "runs/a/report.md").read_text()
    assert train(*QUICK, "run=b", "baseline=linear", "cv.random_state=1").code == 0
    for fold in range(3):
        for path in (tmp_path / f"runs/b/fold_{fold}").glob("baseline*"):
            shutil.copy(path, tmp_path / f"runs/a/fold_{fold}")
    assert foldwise(["merge", "runs/a"]) == 0
    assert result(tmp_path, "a").baselines == {}


def test_a_baseline_that_cannot_be_fitted_says_why_and_ends_nothing(train, tmp_path, monkeypatch):
    def fails(*arguments, **more):
        raise ValueError("no such luck")

    monkeypatch.setattr(fit_folds, "predict_fold", fails)
    outcome = train(*QUICK, "run=a", "baseline=linear", "cv.parallel=1")
    assert outcome.code == 0
    assert "linear probe skipped: it cannot be fitted: ValueError: no such luck" in outcome.out


def test_repeats_several_labels_and_numbers(train, tmp_path):
    quick = (*QUICK[1:], "baseline=linear", "cv.parallel=1")
    assert train("data=wine", *quick, "cv.repeats=2", "run=a").code == 0
    assert len(result(tmp_path, "a").baselines["linear"].lead["accuracy"].folds) == 6
    assert train("data=diabetes", "loss=mse", *quick, "run=b").code == 0
    lead = result(tmp_path, "b").baselines["linear"].lead["rmse"]
    assert lead.mean < 0  # one epoch of the network has the larger error: it is behind
    assert lead.ci95[0] < lead.oof < lead.ci95[1] < 0
    lines = [f"{i % 7},{(3 * i) % 5},{int(i % 7 > 3)},{int((3 * i) % 5 > 2)}" for i in range(60)]
    (tmp_path / "two.csv").write_text("\n".join(["a,b,x,y", *lines]))
    table = ("data=csv_tabular", "data.path=two.csv", "data.label=[x,y]", "loss=bce", "cv=multilabel")
    assert train(*table, *quick, "run=c").code == 0
    assert result(tmp_path, "c").baselines["linear"].metrics["f1_micro"].oof > 0.9
    assert json.loads((tmp_path / "runs/c/cv.json").read_text())["baselines"]["linear"]["skipped"] == ""
