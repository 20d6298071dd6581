"""A number instead of classes, from a file to the report, through what else a run can do."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, r2_score

from trainer.data.target_scale import TargetScale

QUICK = (
    "max_epochs=2",
    "batch_size=64",
    "profile=off",
    "tracker=none",
    "preflight=false",
    "audit=off",
    "baseline=off",
    "cv.parallel=1",
)


@pytest.fixture
def table(tmp_path):
    data, target = load_diabetes(return_X_y=True)
    cells = [[*row, i // 4, i, y] for i, (row, y) in enumerate(zip(data.tolist(), target.tolist(), strict=True))]
    lines = [[*(f"x{i}" for i in range(10)), "group", "day", "y"], *cells[:240]]
    (tmp_path / "table.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
    return "data=csv_tabular", "data.path=table.csv", "data.label=y", "data.drop=[group,day]"


@pytest.mark.renders_figures
def test_a_bundled_run_keeps_numbers_in_the_unit_of_the_target(train, tmp_path):
    assert train(*QUICK[:3], "data=diabetes", "loss=mse", "run=a").code == 0
    run = tmp_path / "runs" / "a"
    oof, result = pq.read_table(run / "oof.parquet"), json.loads((run / "cv.json").read_text())
    assert oof.column_names == ["id", "fold", "repeat", "target", "prediction", "loss"]
    target, prediction = (oof[name].to_numpy() for name in ("target", "prediction"))
    assert np.array_equal(target, load_diabetes().target)
    assert result["metrics"]["r2"]["oof"] == pytest.approx(r2_score(target, prediction))
    assert result["metrics"]["mae"]["oof"] == pytest.approx(mean_absolute_error(target, prediction))
    assert (result["task"], result["classes"]) == ("regression", [])
    for fold in range(5):
        held_out = oof["fold"].to_numpy() == fold
        scale = json.loads((run / f"fold_{fold}" / "preprocess.json").read_text())["target"]
        assert TargetScale(**scale) == TargetScale.fit(target[~held_out])  # of the training rows alone
        wrong = (target - prediction)[held_out] / scale["sd"]
        assert oof["loss"].to_numpy()[held_out] == pytest.approx(wrong**2, rel=1e-4, abs=1e-6)
        assert abs(target[held_out].mean() - target.mean()) < 6  # stratified over bins
    assert "residuals.png" in (run / "report.md").read_text()
    assert (run / "plots" / "residuals.png").stat().st_size > 10_000


def test_interrupted_and_gone_on_with_it_is_the_same_run(train, tmp_path):
    whole = ("data=diabetes", "loss=huber", "cv.n_splits=2", *QUICK)
    assert train(*whole, "run=whole").code == 0
    assert train(*whole, "run=parts", "cv.fold=1").code == 0
    assert train(*whole, "run=parts").code == 0
    first, second = ((tmp_path / "runs" / name / "oof.parquet").read_bytes() for name in ("whole", "parts"))
    assert first == second


@pytest.mark.parametrize(
    "options",
    [
        ("loss=mse", "cv.select=inner"),
        ("loss=mae", "data.group=group", "data.drop=[day]", "cv=stratified_group", "cv.select=inner"),
        ("loss=mse", "data.time=day", "data.drop=[group]", "cv=time"),
        ("loss=mse", "cv=holdout"),
        ("data.task=regression", "loss=mse", "cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr: [0.001,0.01]}"),
    ],
    ids=["inner", "groups", "time", "holdout", "nested"],
)
def test_folds_of_all_kinds(train, table, options):
    outcome = train(*QUICK, *table, *options, "cv.n_splits=3", "run=a")
    assert (outcome.code, outcome.err) == (0, "")


def test_a_classifier_is_told_how_a_number_is_predicted(train, table):
    outcome = train(*QUICK, *table)
    assert outcome.code == 3
    assert "data.task=regression loss=mse" in outcome.err
    assert "use loss=mse, huber or mae" in train(*QUICK, *table, "data.task=regression").err
    assert "cv.bins=5 has no effect on a multiclass task" in train(*QUICK, "cv.bins=5").err
