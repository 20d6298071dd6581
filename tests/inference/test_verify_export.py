"""What an exported folder says of held-out rows is what the run kept, and a folder that says otherwise is refused."""

import json
import shutil

import pytest
import torch

import trainer as fw
from tests.inference.run_cases import regression_options, table_options, trained_in
from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError
from trainer.inference.export.write import export_run
from trainer.inference.verify_export import verify_export


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return trained_in(folder, *table_options(folder), "cv.repeats=2")


@pytest.fixture(scope="module")
def exported(run):
    export_run(run, run.parents[1] / "model", form="torch")
    return run.parents[1] / "model"


def test_every_row_is_asked_of_the_fold_that_held_it_out(run, exported, capsys):
    assert main(["verify", str(run), "--export", str(exported), "--tolerance", "1e-6"]) == 0
    said = capsys.readouterr().out
    assert [said.count(f"fold {fold}: 20 rows") for fold in range(4)] == [1, 1, 1, 1]
    assert f"verified: 80 held-out predictions of {exported} are what" in " ".join(said.split())
    assert main(["verify", str(run), "--export", str(exported), "--folds", "0"]) == 2


def test_folds_that_are_not_in_the_folder_are_told(run, tmp_path):
    export_run(run, tmp_path / "one", form="safetensors", mode="fold=1")
    found = fw.open_run(run).verify(export=tmp_path / "one")
    assert [check.fold for check in found.folds] == [1]
    assert "folds 0,2,3 not in the folder" in found.notes[0]
    with pytest.raises(ConfigError, match="folds and device are of the run itself"):
        fw.open_run(run).verify(export=tmp_path / "one", folds=[1])


def test_a_model_of_all_rows_is_compared_with_torch(tmp_path):
    run = trained_in(tmp_path, *regression_options(tmp_path))
    trained_in(tmp_path, *regression_options(tmp_path), "cv.fold=all")
    export_run(run, tmp_path / "all", form="torch", mode="all")
    found = verify_export(run, tmp_path / "all")
    assert found.folds == ()
    assert "the model of all rows has seen every row, so it has no held-out rows: compared with torch" in found.notes[0]


def test_half_precision_is_compared_with_float32(tmp_path):
    run = trained_in(tmp_path, *table_options(tmp_path), "amp=O1")
    export_run(run, tmp_path / "model", form="torch")
    found = verify_export(run, tmp_path / "model")
    assert sum(check.n_rows for check in found.folds) == 40
    assert "trained in half precision, the folder computes in float32: compared with torch" in found.notes[-1]


def changed(folder, copy, change):
    shutil.copytree(folder, copy)
    change(copy)
    return copy


def other_weight(folder):
    weights = torch.load(folder / "model.pth", weights_only=True)
    next(iter(weights.values())).add_(0.01)
    torch.save(weights, folder / "model.pth")


def other_median(folder):
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    facts["fitted"][2]["medians"][0] += 1.0
    (folder / "model.json").write_text(json.dumps(facts), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_weight, "predicts otherwise than"),
        (other_median, "predicts otherwise than"),
        (lambda folder: (folder / "model.pth").write_bytes(b"x"), "cannot be run"),
        (lambda folder: (folder / "model.json").write_text("{}"), "no model.json that can be read"),
        (lambda folder: (folder / "model.json").unlink(), "no folder that foldwise export wrote"),
    ],
)
def test_a_folder_that_was_changed_is_refused(run, exported, tmp_path, change, said):
    with pytest.raises(CheckpointError, match=said):
        verify_export(run, changed(exported, tmp_path / "model", change))


def test_the_folder_of_another_run_is_refused(exported, tmp_path):
    other = trained_in(tmp_path, *table_options(tmp_path), "seed=1")
    with pytest.raises(CheckpointError, match=r"was not made of folds 0,1,2,3 that .* has now"):
        verify_export(other, exported)
