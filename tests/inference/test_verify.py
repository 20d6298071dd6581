"""What is handed over is what was scored: every held-out row again, from the saved files, in every kind of run."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import trainer as fw
from tests.api.api_cases import QUICK as FROM_PYTHON
from tests.api.api_cases import Net, Points, X, Y
from tests.battery import some_of
from tests.inference.run_cases import (
    image_options,
    multilabel_options,
    regression_options,
    table_options,
    text_options,
    trained_in,
    transformer_options,
    write_rows,
)
from tests.places import REPOSITORY
from trainer.cli.main import main
from trainer.errors import CheckpointError, DataError
from trainer.inference.verify import verify
from trainer.system.files import sealed, unsealed

NESTED = ("cv.inner.n_splits=2", "cv.inner.grid={loss.gamma:[0,5],model.hidden:[[4],[8]]}", "loss=focal")
KINDS = {
    "table": (table_options, ("cv.repeats=2",)),
    "nested": (table_options, NESTED),
    "binary by one logit, EMA": (table_options, ("loss=bce", "fit.ema_decay=0.5", "cv.select=inner")),
    "regression": (regression_options, ("amp=O1",)),
    "multi-label": (multilabel_options, ("amp=O2",)),
    "words": (text_options, ("amp=O3", "optimizer.eps=1e-4")),
    "pretrained": (transformer_options, ()),
    "frozen body": (transformer_options, ("fit.freeze_epochs=all", "amp=O1")),
    "images": (image_options, ("data.preprocess.views=[hflip,rot90]", "fit.ema_decay=0.5", "amp=O2")),
}


@pytest.mark.parametrize("kind", some_of(KINDS, KINDS.keys() - {"table", "pretrained"}))
def test_every_held_out_row_is_predicted_as_it_was_scored(train, tmp_path, kind):
    options, more = KINDS[kind]
    outcome = train(*options(tmp_path), *more)
    assert outcome.code == 0, outcome.err
    if kind in ("pretrained", "frozen body"):
        shutil.rmtree(tmp_path / "bert")  # the run is whole without it
    checks = verify(tmp_path / "runs/a")
    assert [check.fold for check in checks] == list(range(4 if kind == "table" else 2))
    assert sum(check.n_rows for check in checks) == len((tmp_path / "runs/a/oof.csv").read_text().splitlines()) - 1
    assert max(check.largest for check in checks) <= 1e-6
    assert all(check.n_equal == check.n_rows for check in checks)  # the same machine: the same bits


def test_rows_of_a_program_are_given_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = fw.cross_validate((X, Y), model="mlp", run="a", **FROM_PYTHON)
    assert sum(check.n_rows for check in run.verify((X, Y))) == len(X)
    with pytest.raises(DataError, match="were in the memory of a Python program"):
        run.verify()
    with pytest.raises(DataError, match="the rows are not those it was trained on"):
        run.verify((X[:-1], Y[:-1]))
    with pytest.raises(CheckpointError, match=r"folds 0,1 no longer predict.*\n.*the inputs are others"):
        run.verify((X + 1, Y))


def test_a_data_set_of_a_program_is_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = fw.cross_validate(Points(0.0), model=Net, run="a", **FROM_PYTHON)
    checks = run.verify(Points(0.0), plugins=["tests"])
    assert sum(check.n_equal for check in checks) == len(Points())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One run in a folder of its own, for tests that do not change it."""
    folder = tmp_path_factory.mktemp("verified")
    return trained_in(folder, *table_options(folder))


@pytest.mark.battery  # five seconds; the tests below verify in this process
def test_a_fresh_process_says_so(trained):
    found = subprocess.run(
        [sys.executable, "-m", "trainer", "verify", str(trained)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "fold 1: 20 rows, all of them to the bit; largest difference 0" in found.stdout
    assert f"verified: 40 held-out predictions are those of {trained}" in found.stdout


def test_weights_of_another_fold_are_noticed(trained, tmp_path, capsys):
    run = tmp_path / "b"
    shutil.copytree(trained, run)
    for name in ("model.safetensors", "preprocess.json"):
        shutil.copy(run / "fold_0" / name, run / "fold_1" / name)
    assert main(["verify", str(run)]) == 4
    assert "fold_1/preprocess.json is damaged (sha256 differs)" in capsys.readouterr().err
    done = unsealed(run / "fold_1/DONE")
    done["sha256"] = unsealed(run / "fold_0/DONE")["sha256"] | {
        name: done["sha256"][name] for name in ("oof.parquet", "metrics.jsonl")
    }
    (run / "fold_1/DONE").write_bytes(sealed(done))
    assert main(["verify", str(run), "--folds", "0"]) == 0
    assert main(["verify", str(run)]) == 4
    assert "fold 1 no longer predicts what oof.parquet says: row 'r" in capsys.readouterr().err


def test_a_run_of_before_has_counts_of_its_own(trained, tmp_path):
    """What the loss was told and how rows are read was not kept by the first version: counted again from its rows."""
    run = tmp_path / "b"
    shutil.copytree(trained, run)
    for fold in (0, 1):
        kept = json.loads((run / f"fold_{fold}/preprocess.json").read_text())
        assert kept.pop("loss_counts")["n_rows"] == 20
        data = json.dumps(kept).encode()
        (run / f"fold_{fold}/preprocess.json").write_bytes(data)
        done = unsealed(run / f"fold_{fold}/DONE")
        done["sha256"]["preprocess.json"] = hashlib.sha256(data).hexdigest()
        (run / f"fold_{fold}/DONE").write_bytes(sealed(done))
    assert max(check.largest for check in verify(run)) == 0


def test_data_that_has_moved_is_named(trained, tmp_path, capsys):
    table = trained.parents[1] / "table.csv"
    moved = tmp_path / "elsewhere.csv"
    shutil.copy(table, moved)
    assert main(["verify", str(trained), "--data", str(moved)]) == 0
    rows = [line.split(",") for line in moved.read_text().splitlines()]
    write_rows(moved, [rows[0], *rows[2:], rows[1]])
    assert main(["verify", str(trained), "--data", str(moved)]) == 3
    assert "the rows are not those it was trained on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("hidden:\n  - 8", "hidden:\n  - 9", "model.hidden: [8] there, [9] here"),
        ("seed: 42", "seed: ${oc.env:HOME}", "would look something up"),
        ("n_splits: 2", "n_splitz: 2", "unknown key: did you mean 'cv.n_splits'?"),
        ("trainer.models.mlp.MLP", "os.system", "config.yaml (here) is not what the run was trained with"),
    ],
)
def test_a_configuration_changed_by_hand_is_refused(trained, tmp_path, capsys, before, after, message):
    run = tmp_path / "b"
    shutil.copytree(trained, run)
    text = (run / "config.yaml").read_text()
    assert before in text
    (run / "config.yaml").write_text(text.replace(before, after))
    assert main(["verify", str(run)]) == 4
    assert message in capsys.readouterr().err


def test_difference_is_in_units_of_the_target(train, tmp_path):
    assert train(*regression_options(tmp_path)).code == 0
    run = tmp_path / "runs/a"
    scale = json.loads((run / "fold_0/preprocess.json").read_text())["target"]
    table = (tmp_path / "table.csv").read_text().splitlines()
    prices = np.array([float(line.split(",")[4]) for line in table[1:]])
    assert 0 < scale["sd"] <= prices.std() * 1.5
    assert max(check.largest for check in verify(run)) == 0
