"""A directory that transformers loads by itself says what the run says."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.inference.export.alone import require_same_rows
from tests.inference.run_cases import trained_in, transformer_options, write_rows
from trainer.cli.main import main
from trainer.data.target_scale import TargetScale
from trainer.errors import ConfigError
from trainer.inference.export.hf_folder import FORMS, _last_layer, _let_through, require_hf
from trainer.inference.export.steps import predict_file
from trainer.inference.export.write import export_run
from trainer.inference.verify_export import verify_export


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    return trained_in(folder, *transformer_options(folder), "loss=bce", "optimizer.lr=0.01")


def test_transformers_alone_says_what_the_run_says(run, tmp_path, capsys):
    import transformers

    assert main(["export", str(run), "-o", str(tmp_path / "model"), "--format", "hf", "--mode", "fold=1"]) == 0
    assert "differ by" in capsys.readouterr().out
    [check] = verify_export(run, tmp_path / "model").folds
    assert (check.fold, check.largest < 1e-4) == (1, True)
    texts = ["room clean", "staff rude , view loud " * 40, "房间 很好", "!"]
    new = write_rows(tmp_path / "new.csv", [["text"], *[[text] for text in texts]])
    assert main(["predict", str(run), str(new), "-o", str(tmp_path / "run.csv"), "--folds", "1"]) == 0
    assert predict_file.main(tmp_path / "model", [str(new), "-o", str(tmp_path / "alone.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv", 1e-5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    given = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        proba_BC = model(**given).logits.softmax(dim=1)
    wanted = [row.split(",") for row in (tmp_path / "alone.csv").read_text("utf-8").splitlines()[1:]]
    torch.testing.assert_close(
        proba_BC, torch.tensor([[float(row[2]), float(row[3])] for row in wanted]), rtol=0, atol=1e-5
    )
    assert [model.config.id2label[place] for place in proba_BC.argmax(dim=1).tolist()] == [row[1] for row in wanted]
    assert json.loads((tmp_path / "model/config.json").read_text("utf-8"))["architectures"] == [type(model).__name__]


def test_what_such_a_directory_cannot_hold_is_said(run, tmp_path):
    with pytest.raises(ConfigError, match="holds one model: give --mode fold=0, soup or all"):
        export_run(run, tmp_path / "model", form="hf")

    def predictor(model_type, pool=None):
        model = SimpleNamespace(body=SimpleNamespace(config=SimpleNamespace(model_type=model_type)), _pool=pool)
        return SimpleNamespace(models=[SimpleNamespace(model=model)])

    with pytest.raises(ConfigError, match="camembert, distilbert, not electra: give --format onnx"):
        require_hf(predictor("electra"))
    with pytest.raises(ConfigError, match="over the class token"):
        require_hf(predictor("bert"))


@pytest.mark.parametrize("by_tanh", [True, False])
def test_a_head_of_transformers_lets_the_vector_through(by_tanh):
    torch.manual_seed(0)
    vectors_BD = torch.randn(50, 64) * 6
    weight, bias = torch.randn(3, 64, dtype=torch.float64) / 8, torch.randn(3, dtype=torch.float64)
    dense, last = nn.Linear(64, 64), nn.Linear(64, 3)
    _let_through(dense, last, weight, bias, by_tanh=by_tanh)
    activation = torch.tanh if by_tanh else torch.relu
    with torch.inference_mode():
        found = last(activation(dense(vectors_BD)))
    wanted = vectors_BD.double() @ weight.T + bias
    # relu lets through what is shifted up by FAR, whose last place is 8e-6: 64 of them make a logit
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("model_type", FORMS)
def test_the_layers_are_where_they_are_looked_for(model_type):
    import transformers

    with torch.device("meta"):
        config = transformers.AutoConfig.for_model(model_type)
        made = transformers.AutoModelForSequenceClassification.from_config(config)
    backbone, dense, last = FORMS[model_type]
    assert isinstance(made.get_submodule(dense), nn.Linear)
    assert isinstance(made.get_submodule(last), nn.Linear)
    expected = transformers.MODEL_MAPPING[type(config)]
    assert isinstance(made.get_submodule(backbone), expected)


def test_numbers_are_in_the_unit_of_the_target():
    linear, fitted = nn.Linear(4, 1), {"proba": "numbers", "scale": {"mean": 5.0, "sd": 2.0}}
    fold = SimpleNamespace(scale=TargetScale(5.0, 2.0))
    weight, bias = _last_layer(linear, fold, fitted)
    vectors_BD = torch.randn(7, 4, dtype=torch.float64)
    wanted = fold.scale.restored(linear.double()(vectors_BD).detach().numpy())
    torch.testing.assert_close((vectors_BD @ weight.T + bias).numpy(), wanted)
    assert fitted["scale"] is None
