"""A run on a table, exported: the folder predicts alone what the run predicts, and nothing is written that does not."""

import json
import shutil

import numpy as np
import pytest

from tests.battery import some_of
from tests.inference.export.alone import predict_alone, require_same_rows, site_with
from tests.inference.run_cases import QUICK, multilabel_options, regression_options, trained_in
from trainer.api.runs import Run
from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.inference.decide import Wanted, decide_run
from trainer.inference.decision_run import save_decision
from trainer.inference.export import against_torch, write
from trainer.inference.export.steps import predict_file, row_blocks
from trainer.inference.export.write import export_run

FORM = ("data.delimiter=';'", "data.encoding=cp1252", "data.missing=['-','?']", "data.id=key")
FILES = ["README.md", "model.json", "model.onnx", "predict.py", "steps"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return site_with(tmp_path_factory.mktemp("packages") / "site")


def write_mixed(path):
    """As a program of another country writes it: semicolons, a decimal comma, percent, two words for nothing."""
    random, rows = np.random.default_rng(0), [["key", "size", "share", "colour", "label"]]
    for number in range(42):
        size = random.normal() + number % 3
        cell = "-" if number % 7 == 3 else f"{size:.4f}".replace(".", ",")
        colour = "rare" if number == 5 else ("red", "green", "?", "1")[number % 4]
        rows.append([f"r{number}", cell, f"{random.uniform(0, 99):.1f}%", colour, ("low", "mid", "high")[number % 3]])
    path.write_text("\n".join(";".join(row) for row in rows), encoding="cp1252")
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Three classes, calibrated and decided, with sets."""
    folder = tmp_path_factory.mktemp("mixed")
    path = write_mixed(folder / "table.csv")
    run = trained_in(folder, "data=csv_tabular", f"data.path={path}", *FORM, "model.hidden=[8]", *QUICK)
    save_decision(run, decide_run(run, Wanted("f1_macro", calibrate="temperature", coverage=0.8)))
    return run


@pytest.fixture(scope="module")
def exported(mixed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "model"
    export_run(mixed, folder)
    return folder


def write_new(path):
    rows = [
        ["more", "colour", "key", "share", "size"],
        ["x", "red", "n1", "12,5%", "1.234,5"],
        ["", "?", "=1+cmd|' /C calc'!A1", "3%", "-"],
        ["", "never seen", "n3", "0%", "-2"],
        ["", "rare", "n4", "99,9%", "0,25"],
        ["", "1.0", "n5", "99,9%", "7"],
    ]
    path.write_text("\n".join(";".join(row) for row in rows), encoding="cp1252")
    return path


def test_the_folder_predicts_alone_as_the_run_does(mixed, exported, site, tmp_path, capfd):
    new = write_new(tmp_path / "new.csv")
    done = predict_alone(site, exported, str(new), "-o", str(tmp_path / "alone.csv"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "column 'colour': categories that are new to the model, in 1 rows: 'never seen'" in done.stderr
    assert main(["predict", str(mixed), str(new), "-o", str(tmp_path / "run.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    for options in (["--raw"], ["--raw", "--id", "none"]):
        assert predict_file.main(exported, [str(new), "-o", str(tmp_path / "alone.csv"), *options]) == 0
        assert main(["predict", str(mixed), str(new), "-o", str(tmp_path / "run.csv"), *options]) == 0
        require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    assert sorted(path.name for path in exported.iterdir() if path.name != "__pycache__") == FILES


def test_rows_are_the_same_in_blocks_and_passes_of_any_size(mixed, exported, tmp_path, monkeypatch):
    table = mixed.parents[1] / "table.csv"
    assert predict_file.main(exported, [str(table), "-o", str(tmp_path / "whole.csv")]) == 0
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", {"table": 5})
    assert predict_file.main(exported, [str(table), "-o", str(tmp_path / "parts.csv"), "--batch-size", "2"]) == 0
    require_same_rows(tmp_path / "parts.csv", tmp_path / "whole.csv", 1e-6)


def test_the_graph_stands_by_itself_and_the_card_says_what_it_is(mixed, exported):
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load(exported / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), providers=["CPUExecutionProvider"])
    raw = {"numeric": np.array([[1.0, np.nan]] * 3), "categorical": np.array([[1]] * 3)}
    mean, by_fold = session.run(None, raw)
    np.testing.assert_allclose(mean, by_fold.mean(axis=0), atol=1e-6)
    assert by_fold.shape == (2, 3, 3)
    card = (exported / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((mixed / "manifest.json").read_text(encoding="utf-8"))
    assert all(value in card for value in manifest["identity"]["content"].values() if isinstance(value, str))
    assert "calibrated by temperature" in card
    oof = Run(mixed).oof
    truth = np.eye(3)[oof["target"].to_numpy(np.int64)]
    brier = ((oof[["proba_high", "proba_low", "proba_mid"]].to_numpy(np.float64) - truth) ** 2).sum(axis=1).mean()
    assert f"| Brier score | {brier:.4f} | " in card
    kept = json.loads((mixed / "decision.json").read_text(encoding="utf-8"))
    error = f"| {kept['before']['ece']:.4f} | {kept['after']['ece']:.4f} |"
    assert f"| calibration error (ECE, 15 bins of equally many rows) {error}" in card
    [worth] = kept["figures"]
    values = " | ".join(f"{worth[name]:.4f}" for name in ("before", "cross_fitted", "in_sample"))
    assert f"| F1 (macro) ↑ | {values} |" in card
    assert "Intended use\n\n(to be filled in" in card


@pytest.mark.parametrize("options", some_of([regression_options, multilabel_options], [multilabel_options]))
def test_numbers_and_several_labels_of_folds_in_half_precision(options, tmp_path, capsys):
    run = trained_in(tmp_path, *options(tmp_path), "amp=O1")
    kind = Wanted(coverage=0.8) if options is regression_options else Wanted("f1_micro", calibrate="platt")
    save_decision(run, decide_run(run, kind))
    capsys.readouterr()
    assert main(["export", str(run), "-o", str(tmp_path / "model")]) == 0
    said = capsys.readouterr()
    assert "differ by" in said.out and "(amp=O1)" in said.out  # noqa: PT018 one line
    assert said.err == ""
    new = next(path for path in tmp_path.iterdir() if path.suffix == ".csv")
    assert predict_file.main(tmp_path / "model", [str(new), "-o", str(tmp_path / "alone.csv")]) == 0
    assert main(["predict", str(run), str(new), "-o", str(tmp_path / "run.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv", 2e-2)  # the run computes in bfloat16


def test_one_fold_and_the_model_of_all_rows(mixed, tmp_path):
    assert export_run(mixed, tmp_path / "one", mode="fold=1").held_out <= 1e-4
    facts = json.loads((tmp_path / "one/model.json").read_text(encoding="utf-8"))
    assert (facts["folds"], facts["decision"]["conformal"]) == (["1"], None)
    with pytest.raises(CheckpointError, match=r"cv\.fold=all fits one"):
        export_run(mixed, tmp_path / "all", mode="all")
    with pytest.raises(ConfigError, match="no fold 7"):
        export_run(mixed, tmp_path / "all", mode="fold=7")
    table = mixed.parents[1] / "table.csv"
    trained_in(
        mixed.parents[1], "data=csv_tabular", f"data.path={table}", *FORM, "model.hidden=[8]", *QUICK, "cv.fold=all"
    )
    assert export_run(mixed, tmp_path / "all", mode="all").held_out is None
    assert main(["predict", str(mixed), str(table), "-o", str(tmp_path / "run.csv"), "--model", "all"]) == 0
    assert predict_file.main(tmp_path / "all", [str(table), "-o", str(tmp_path / "alone.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")


@pytest.fixture
def graph_of(exported, monkeypatch):
    """What the exported graph says, changed, is what the next export is taken for."""

    def use(change):
        right = predict_file.model_of(exported, {"format": "onnx"})
        monkeypatch.setattr(write, "write_onnx", lambda *_: None)
        monkeypatch.setattr(write, "model_of", lambda *_: lambda inputs: change(right(inputs)))

    return use


def test_a_model_that_predicts_otherwise_is_not_written(mixed, graph_of, tmp_path, monkeypatch):
    graph_of(lambda proba: proba + np.float32(1e-3))
    with pytest.raises(CheckpointError, match=r"torch are 0.001 apart \(at most 0.0001\)"):
        export_run(mixed, tmp_path / "model")
    monkeypatch.setattr(against_torch, "TOLERANCE", 1.0)
    graph_of(lambda proba: proba[:, :, ::-1])
    with pytest.raises(CheckpointError, match="another likeliest class in"):
        export_run(mixed, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_held_out_rows_must_be_what_the_run_kept(mixed, graph_of, tmp_path, monkeypatch):
    graph_of(lambda proba: proba)
    assert Run(mixed).export(tmp_path / "model").held_out <= 1e-4
    monkeypatch.setattr(against_torch, "_from_held_out", lambda *_: 2e-4)
    with pytest.raises(CheckpointError, match=r"0.0002 from oof\.parquet"):
        export_run(mixed, tmp_path / "other")


def test_what_cannot_be_is_said_before_the_folder_is_made(mixed, exported, tmp_path, capsys):
    def refused(*options, code=2):
        capsys.readouterr()
        assert main(["export", str(mixed), "-o", str(tmp_path / "model"), *options]) == code
        return capsys.readouterr().err

    assert "give one of onnx, torch, safetensors, hf" in refused("--format", "tflite")
    assert "give ensemble, soup, all" in refused("--mode", "best")
    assert "no such" in refused("--data", str(tmp_path / "nowhere.csv"), code=3).lower()
    with pytest.raises(ConfigError, match="is there already"):
        export_run(mixed, exported)
    with pytest.raises(ConfigError, match="lies in a run directory"):
        export_run(mixed, mixed / "model")
    assert not list(tmp_path.iterdir())


def test_rows_of_another_table_are_no_proof(mixed, tmp_path):
    other = write_mixed(tmp_path / "other.csv")
    other.write_text(other.read_text(encoding="cp1252").replace(";low", ";mid", 1), encoding="cp1252")
    with pytest.raises(DataError, match="the rows are not those it was trained on"):
        export_run(mixed, tmp_path / "model", places={"path": str(other)})


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("key;size;share\n", "no column 'colour' (1 missing)"),
        ("size;share;colour\n1;2%;red", "--id none numbers the rows"),
        ("key;size;share;colour\na;1;2%", "row 1 has 3 cells, there are 4 columns"),
        ("key;size;share;colour;key\n", "two columns are called 'key'"),
        ("key;size;share;colour\na;one;2%;red", "column 'size' row 1 'one' is not as the numbers"),
        ("key;size;share;colour\na;1;2%;red\na;1;2%;red", "row 2: the id 'a' is there twice"),
        ("key;size;share;colour\n;1;2%;red", "row 1: there is no id"),
        ("key;size;share;colour\n", "no rows"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_does_not_fit_is_answered_by_name(exported, tmp_path, capsys, cells, said):
    (tmp_path / "new.csv").write_text(cells, encoding="utf-8")
    assert predict_file.main(exported, [str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv")]) == 3
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_the_data_is_not_written_over(exported, tmp_path, capsys):
    new = write_new(tmp_path / "new.csv")
    before = new.read_bytes()
    assert predict_file.main(exported, [str(new), "-o", str(new)]) == 3
    assert predict_file.main(exported, [str(new), "-o", str(tmp_path / "out.xlsx")]) == 3
    assert "give a name that ends in .csv or .tsv" in capsys.readouterr().err
    assert new.read_bytes() == before
    shutil.copy(new, tmp_path / "new.tsv")  # another ending than the model's own: TABs, as usual of it
    assert predict_file.main(exported, [str(tmp_path / "new.tsv"), "-o", str(tmp_path / "out.csv")]) == 3
    options = ["--delimiter", "semicolon", "--encoding", "cp1252"]
    assert predict_file.main(exported, [str(tmp_path / "new.tsv"), "-o", str(tmp_path / "out.csv"), *options]) == 0


def test_weights_for_an_old_torch_begin_as_it_reads_them(mixed, tmp_path, capsys):
    import torch

    def exported_as(name, *options):
        assert main(["export", str(mixed), "-o", str(tmp_path / name), *options]) == 0
        return tmp_path / name / "model.pth"

    old = exported_as("old", "--format", "torch", "--legacy")
    new = exported_as("new", "--format", "torch")
    assert old.read_bytes()[:15] == bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # pickled 0x1950a86a20f9469cfc6c
    assert new.read_bytes()[:4] == b"PK\x03\x04"
    weights = torch.load(old, weights_only=True)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert main(["export", str(mixed), "-o", str(tmp_path / "no"), "--legacy"]) == 2
    assert "--legacy is of --format torch" in capsys.readouterr().err
