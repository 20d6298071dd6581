"""What was decided on a run is what foldwise predict writes, and --raw leaves it out."""

import csv
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.inference.run_cases import regression_options, table_options, trained_in
from trainer.cli.main import main as foldwise
from trainer.inference.blend_run import read_blend
from trainer.inference.combine import combine
from trainer.inference.decision import load_decision
from trainer.inference.log_scores import log_scores
from trainer.run.copies import open_copy
from trainer.tasks import BINARY


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return trained_in(folder, *table_options(folder))


def predict(run, tmp_path, *options, name="out.csv"):
    table = run.parents[1] / "table.csv"
    assert foldwise(["predict", str(run), str(table), "-o", str(tmp_path / name), *options]) == 0
    return pd.read_csv(tmp_path / name, dtype={"set": str})


def test_predictions_are_decided_and_raw_ones_are_not(run, tmp_path, capsys):
    before = predict(run, tmp_path)
    cost = "0,1;9,0"
    assert foldwise(["decide", str(run), "--cost", cost, "--calibrate", "temperature", "--coverage", "0.8"]) == 0
    capsys.readouterr()
    after = predict(run, tmp_path)
    assert f"decided by {run}/decision.json" in capsys.readouterr().out
    decision = load_decision(open_copy(run))
    proba = before[["proba_no", "proba_yes"]].to_numpy()
    labels, calibrated = decision.apply(proba)
    np.testing.assert_allclose(after[["proba_no", "proba_yes"]], calibrated, atol=1e-5)
    assert after["prediction"].tolist() == [("no", "yes")[label] for label in labels]
    assert (after["prediction"] != before["prediction"]).any()
    assert set(after["set"]) <= {"no", "yes", "no|yes"}
    logits = log_scores(decision.task, proba) * decision.calibration.slopes[0]
    np.testing.assert_array_equal(labels, (logits + np.array(decision.offsets)).argmax(axis=1))
    pd.testing.assert_frame_equal(predict(run, tmp_path, "--raw"), before)
    some = predict(run, tmp_path, "--folds", "1")
    assert "set" not in some.columns
    assert "sets and intervals need every fold" in capsys.readouterr().out


def test_a_submission_gets_the_labels_that_were_decided(run, tmp_path, capsys):
    assert foldwise(["decide", str(run), "--cost", "0,1;9,0"]) == 0
    said = predict(run, tmp_path).set_index("id")["prediction"]
    with (tmp_path / "sample.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["key", "label"], ["r3", "no"], ["r0", "yes"]])
    filled = predict(run, tmp_path, "--submission", str(tmp_path / "sample.csv"), name="mine.csv")
    assert filled["label"].tolist() == [said["r3"], said["r0"]]
    capsys.readouterr()


def test_numbers_get_intervals(tmp_path, capsys):
    run = trained_in(tmp_path, *regression_options(tmp_path))
    assert foldwise(["decide", str(run), "--coverage", "0.8"]) == 0
    found = predict(run, tmp_path)
    assert (found["low"] < found["prediction"]).all()
    assert (found["prediction"] < found["high"]).all()
    capsys.readouterr()


@pytest.fixture(scope="module")
def blends(tmp_path_factory):
    """Two runs of other losses in one folder."""
    folder = tmp_path_factory.mktemp("blends")
    options = [word for word in table_options(folder) if word != "run=a"]
    return [trained_in(folder, *options, f"run={loss}", f"loss={loss}") for loss in ("ce", "focal")]


@pytest.mark.parametrize("method", ["mean", "nonnegative"])
def test_a_blend_predicts_what_its_runs_blend_to(blends, tmp_path, method, capsys):
    out = blends[0].parent / method
    assert foldwise(["blend", *map(str, blends), "--out", str(out), "--method", method]) == 0
    alone = [predict(run, tmp_path, name=f"{run.name}.parquet.csv") for run in blends]
    capsys.readouterr()
    found = predict(out, tmp_path)
    assert "scores of 40 rows with a label" in capsys.readouterr().out
    proba_KNC = np.stack([one[["proba_no", "proba_yes"]].to_numpy() for one in alone])
    expected = combine(read_blend(out).combination, BINARY, proba_KNC)
    np.testing.assert_allclose(found[["proba_no", "proba_yes"]], expected, atol=1e-5)
    assert found["id"].tolist() == alone[0]["id"].tolist()
    assert foldwise(["decide", str(out), "--cost", "0,99;1,0"]) == 0
    assert (predict(out, tmp_path)["prediction"] == "yes").sum() < (found["prediction"] == "yes").sum()
    pd.testing.assert_frame_equal(predict(out, tmp_path, "--raw"), found)


def test_a_blend_whose_runs_are_gone_or_other_ones_predicts_nothing(blends, tmp_path, capsys):
    folder = tmp_path / "runs"
    shutil.copytree(blends[0].parent, folder, ignore=shutil.ignore_patterns("mean", "nonnegative"))
    out = folder / "blend"
    assert foldwise(["blend", str(folder / "ce"), str(folder / "focal"), "--out", str(out), "--method", "mean"]) == 0
    typed = ["predict", str(out), str(blends[0].parents[1] / "table.csv"), "-o", str(tmp_path / "x.csv")]
    assert foldwise([*typed, "--folds", "0"]) == 2
    assert foldwise([*typed, "--drift", str(tmp_path / "x.html"), "--adversarial"]) == 0
    assert "adversarial AUC " in (tmp_path / "x.html").read_text()
    (tmp_path / "x.csv").unlink()
    assert capsys.readouterr().out.count("adversarial AUC ") == 1  # of the first run alone: the rows are the same
    shutil.rmtree(folder / "focal")
    assert foldwise(typed) == 4
    assert "which is not there" in capsys.readouterr().err
    shutil.copytree(folder / "ce", folder / "focal")
    assert foldwise(typed) == 4
    assert "has other folds than" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
