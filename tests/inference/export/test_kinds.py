"""Runs on texts, exported: the folder's tokens are the run's, and so is what it predicts."""

import re
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.inference.export.alone import NEEDED, predict_alone, require_same_rows, site_with
from tests.inference.run_cases import QUICK, text_options, trained_in, transformer_options, write_rows
from trainer.cli.main import main
from trainer.data.preprocess.raw import FittedRaw
from trainer.data.preprocess.sparse import FittedSparse
from trainer.data.preprocess.vocabulary import TextVocabulary
from trainer.data.samples import Texts
from trainer.errors import ConfigError
from trainer.inference.export.kinds import fitted_facts, kind_of, write_tokenizer
from trainer.inference.export.steps import predict_file
from trainer.inference.export.steps.masked_rnn import MaskedRNN
from trainer.inference.export.steps.texts import open_texts
from trainer.inference.export.write import export_run
from trainer.models.rnn import RNN

ODD = (
    "",
    "  ",
    "Good GOOD phone",
    "[UNK] [PAD] [SEP]",
    "酒店 很好！",
    "caf\u00e9 \U0001f600\u200d!",
    "a b c d e f g h",
    "é",
)
SMALL = ("model.embedding_dim=8", "model.dropout=0")


def predicted_by_the_run(run, new, out):
    assert main(["predict", str(run), str(new), "-o", str(out)]) == 0


def predicted_here(folder, new, out, monkeypatch):
    """Run predict.py in this process, where nothing of Foldwise can be imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("trainer", "steps")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trainer", None)
    monkeypatch.setattr(sys, "argv", ["predict.py", str(new), "-o", str(out)])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / "predict.py"), run_name="__main__")
    assert not ended.value.code
    assert not [path for path in folder.rglob("*.py") if re.search(r"(from|import) trainer", path.read_text("utf-8"))]


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
@pytest.mark.parametrize(("cell", "layers", "bidirectional"), [("lstm", 2, True), ("gru", 1, True), ("lstm", 1, False)])
def test_a_recurrence_over_padding_is_the_packed_one(cell, layers, bidirectional, pooling):
    torch.manual_seed(0)
    sizes = {"embedding_dim": 5, "hidden": 4, "layers": layers}
    packed = RNN(9, 3, cell=cell, bidirectional=bidirectional, pooling=pooling, **sizes).eval()
    masked = MaskedRNN(packed).eval()
    tokens_BT = torch.tensor([[3, 4, 5, 6], [7, 0, 0, 0], [8, 2, 0, 0], [0, 0, 0, 0]])
    with torch.inference_mode():
        wanted = packed(tokens_BT)
        torch.testing.assert_close(masked(tokens_BT), wanted, rtol=0, atol=1e-6)
        wider = torch.nn.functional.pad(tokens_BT, (0, 3))
        torch.testing.assert_close(masked(wider), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("paired", [False, True])
def test_tokens_are_those_of_each_fold(unit, paired, tmp_path):
    texts = Texts(ODD, ODD[::-1] if paired else None)
    preprocess = TextVocabulary(max_length=5, unit=unit)
    folds = [preprocess.fit(texts, np.array(rows)) for rows in ([2, 3], [2, 4, 5])]
    run = SimpleNamespace(spec=SimpleNamespace(reading={"text": ["t"], "pair": ["u"] if paired else []}))
    predictor = SimpleNamespace(models=[SimpleNamespace(fitted=fold) for fold in folds], run=run)
    facts, fitted = fitted_facts("words", predictor)
    write_tokenizer(predictor, "words", tmp_path)
    found_BT = open_texts(tmp_path, facts).encode(texts.texts, texts.pairs)["tokens"]
    assert found_BT.shape == (len(ODD), 5)
    for fold, of_fold in zip(folds, fitted, strict=True):
        wanted_BT = fold.transform(texts).take(torch.arange(len(ODD)))["tokens"].numpy()
        np.testing.assert_array_equal(np.array(of_fold["codes"])[found_BT], wanted_BT)


@pytest.mark.battery
def test_a_recurrence_predicts_as_the_run_does(tmp_path):
    run = trained_in(tmp_path, *text_options(tmp_path), "model=rnn", "model.cell=gru", "model.hidden=4", *SMALL)
    export_run(run, tmp_path / "model")
    new = write_rows(tmp_path / "new.csv", [["text"], *[[f"{text}."] for text in ODD], ["good " * 30]])
    predicted_by_the_run(run, new, tmp_path / "run.csv")
    assert predict_file.main(tmp_path / "model", [str(new), "-o", str(tmp_path / "alone.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rows = [[f"what is {n % 5} ?", f"it is {n % 3} , of course", ("no", "yes")[n % 2]] for n in range(24)]
    table = write_rows(folder / "pairs.csv", [["question", "answer", "label"], *rows])
    data = ("data=csv_text", f"data.path={table}", "data.text=question", "data.pair=answer", "model=text_cnn")
    return trained_in(folder, *data, "model.filters=4", "model.max_norm=0.5", *SMALL, *QUICK)


@pytest.mark.parametrize(("form", "weights"), [("torch", "model.pth"), ("safetensors", "model.safetensors")])
def test_weights_of_pairs_predict_without_foldwise(pairs, form, weights, tmp_path, monkeypatch):
    done = export_run(pairs, tmp_path / "model", form=form)
    assert max(done.largest, done.held_out) <= 1e-6
    assert (tmp_path / "model" / weights).is_file()
    predicted_by_the_run(pairs, write_pairs(tmp_path / "new.csv"), tmp_path / "run.csv")
    predicted_here(tmp_path / "model", tmp_path / "new.csv", tmp_path / "alone.csv", monkeypatch)
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv", 1e-6)


def test_a_graph_of_texts_predicts_alone(pairs, tmp_path):
    site = site_with(tmp_path / "site", (*NEEDED, "tokenizers"))
    export_run(pairs, tmp_path / "model")
    new = write_pairs(tmp_path / "new.csv")
    done = predict_alone(site, tmp_path / "model", str(new), "-o", str(tmp_path / "alone.csv"))
    assert done.returncode == 0, done.stderr
    predicted_by_the_run(pairs, new, tmp_path / "run.csv")
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")


def write_pairs(path):
    return write_rows(path, [["answer", "more", "question"], *[[text, "x", "what is 7 ?"] for text in ODD]])


@pytest.mark.battery
def test_a_frozen_transformer_is_in_the_graph_once(tmp_path):
    import onnx

    run = trained_in(tmp_path, *transformer_options(tmp_path), "fit.freeze_epochs=all")
    with pytest.raises(ConfigError, match="no way to hold a Transformer: give --format onnx or hf"):
        export_run(run, tmp_path / "model", form="torch")
    assert export_run(run, tmp_path / "model").largest <= 1e-5
    values = onnx.load(tmp_path / "model" / "model.onnx").graph.initializer
    shapes = [tuple(value.dims) for value in values]
    words = max(shapes, key=lambda shape: shape[0] if len(shape) == 2 else 0)
    assert shapes.count(words) == 1  # the embedding
    new = write_rows(tmp_path / "new.csv", [["text"], *[[text] for text in ODD if text], ["good " * 90]])
    predicted_by_the_run(run, new, tmp_path / "run.csv")
    assert predict_file.main(tmp_path / "model", [str(new), "-o", str(tmp_path / "alone.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")


def test_what_cannot_be_exported_is_named():
    predictor = SimpleNamespace(models=[SimpleNamespace(model=torch.nn.Linear(1, 1), fitted=SMALL)])
    with pytest.raises(ConfigError, match="rows made by tuple, of a plugin, cannot be exported"):
        kind_of(predictor, "onnx")
    predictor.models[0].fitted = FittedSparse(1, np.ones(3))  # and serve takes no such run
    with pytest.raises(
        ConfigError, match=r"sparse columns cannot be exported.*\nfoldwise predict answers with this run"
    ):
        kind_of(predictor, "onnx")
    predictor.models[0].fitted = FittedRaw({})
    with pytest.raises(ConfigError, match=r"raw cannot be exported.*\nrun.predict\(rows\) in Python answers"):
        kind_of(predictor, "onnx")
