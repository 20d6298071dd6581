"""Smaller graphs: what they cost is measured, on rows that each fold held out."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tests.inference.run_cases import table_options, trained_in
from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError
from trainer.inference.export import write
from trainer.inference.export.reduced import cost_of
from trainer.inference.export.steps.predict_file import model_of
from trainer.inference.predictor import open_predictor
from trainer.inference.verify_export import verify_export


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    options = [option for option in table_options(folder) if not option.startswith("model.hidden")]
    return trained_in(folder, *options, "metrics.names=[accuracy,log_loss]", "model.hidden=[128,64]")


@pytest.fixture(scope="module")
def float32(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("float32") / "model"
    write.export_run(run, folder)
    return folder


@pytest.mark.parametrize("how", ["int8", "half"])
def test_a_smaller_graph_is_written_with_what_it_costs(run, float32, how, tmp_path, monkeypatch, capfd):
    graph = (float32 / "model.onnx").read_bytes()
    monkeypatch.setattr(write, "write_onnx", lambda network, raw, folder: (folder / "model.onnx").write_bytes(graph))
    capfd.readouterr()
    assert main(["export", str(run), "-o", str(tmp_path / "model"), f"--{how}"]) == 0
    said, err = capfd.readouterr()
    assert err == ""
    assert "on 40 held-out rows" in said.replace("\n", " ")
    assert (tmp_path / "model/model.onnx").stat().st_size < len(graph)
    assert "accuracy" in (tmp_path / "model/README.md").read_text("utf-8").partition("## Checked")[2]
    raw = {"numeric": np.array([[0.1, 50.0], [np.nan, 3.0]]), "categorical": np.array([[2], [1]])}
    exact, smaller = (model_of(folder, {"format": "onnx"})(raw) for folder in (float32, tmp_path / "model"))
    assert 0 < np.abs(exact - smaller).max() < 0.05
    found = verify_export(run, tmp_path / "model")
    assert sum(check.n_rows for check in found.folds) == 40
    assert 1e-6 < max(check.largest for check in found.folds) < 0.05
    assert f"the graph was made smaller ({how}): --tolerance says" in found.notes[0]
    with pytest.raises(CheckpointError, match=r"predicts otherwise than .* \(more than 1e-06\)"):
        verify_export(run, tmp_path / "model", tolerance=1e-6)


def test_scores_are_of_the_rows_that_each_fold_held_out(run):
    predictor = open_predictor(run)
    rows, plan = np.arange(0, 40, 3), predictor.run.plan.fold_of_row[0]
    random = np.random.default_rng(0)
    target, said = random.integers(0, 2, len(rows)), random.dirichlet([1, 1], size=(2, 2, len(rows)))
    cost = cost_of(predictor, rows, target, (said[0], said[1]), how="int8", share=0.5)
    for found, said_KBC in ((cost.before, said[0]), (cost.after, said[1])):
        proba = np.array([said_KBC[plan[row], place] for place, row in enumerate(rows)])
        assert found["accuracy"] == pytest.approx(accuracy_score(target, proba.argmax(axis=1)))
        assert found["log_loss"] == pytest.approx(log_loss(target, proba))
    decided = said.mean(axis=1).argmax(axis=2)
    assert (cost.n_other, cost.n_held_out) == ((decided[0] != decided[1]).sum(), len(rows))
    assert cost.largest == np.abs(said[0] - said[1]).max()
    of_all = replace(predictor, models=(replace(predictor.models[0], name="all"),))
    cost = cost_of(of_all, rows, target, (said[0][:1], said[1][:1]), how="half", share=0.5)
    assert cost.n_held_out == 0
    assert cost.before["accuracy"] == pytest.approx(accuracy_score(target, said[0][0].argmax(axis=1)))


def test_other_formats_keep_float32(run, tmp_path, capsys):
    assert main(["export", str(run), "-o", str(tmp_path / "model"), "--int8", "--half"]) == 2
    assert "exclude each other" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="--int8 is of --format onnx"):
        write.export_run(run, tmp_path / "model", form="torch", reduce="int8")
    assert not list(tmp_path.iterdir())
