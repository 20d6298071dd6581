"""What was decided on a run is what foldwise predict writes, and --raw leaves it out."""

import csv

import numpy as np
import pandas as pd
import pytest

from tests.inference.run_cases import regression_options, table_options, trained_in
from trainer.cli.main import main as foldwise
from trainer.inference.decision import load_decision
from trainer.inference.log_scores import log_scores


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
    decision = load_decision(run)
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
