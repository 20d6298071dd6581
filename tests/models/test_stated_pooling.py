"""The pooling that the files of sentence-transformers say, and the class token wherever it stands."""

import json

import pytest
import torch

from tests.models.transformer_cases import batch, save
from trainer.errors import ConfigError
from trainer.models.pretrained import pretrained_files
from trainer.models.transformer import Transformer

KIND = "sentence_transformers.models."


def state(directory, *more, **modes):
    """Write the files of a sentence transformer."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), *more]
    listed = [{"idx": n, "name": str(n), "path": path, "type": KIND + kind} for n, (path, kind) in enumerate(modules)]
    (directory / "modules.json").write_text(json.dumps(listed))
    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **modes}))
    return str(directory)


def masked_mean(model, inputs):
    mask_BT1 = inputs["attention_mask"].unsqueeze(2)
    hidden_BTD = model.body(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    return hidden_BTD, (hidden_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)


@pytest.mark.parametrize(
    "modes",
    [
        {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False},
        {"pooling_mode": "mean"},
    ],
)
def test_auto_pools_as_the_model_was_trained(tmp_path, modes):
    save("distilbert", tmp_path)
    model = Transformer(state(tmp_path, ("2_Normalize", "Normalize"), **modes), 2).eval()
    inputs = batch()
    del inputs["token_type_ids"]
    torch.testing.assert_close(model.encode(**inputs), masked_mean(model, inputs)[1], atol=1e-6, rtol=1e-6)
    assert "pooling mean, as 1_Pooling/config.json says" in model.loaded


def test_another_choice_is_noted_and_a_dense_layer_behind_it_named(tmp_path):
    save("bert", tmp_path)
    directory = state(tmp_path, ("2_Dense", "Dense"), pooling_mode_mean_tokens=True)
    assert "pooling cls, trained with mean_tokens (1_Pooling/config.json); not used: 2_Dense" in (
        Transformer(directory, 2, pooling="cls").loaded
    )


def test_a_pooling_that_is_not_built_is_refused_until_one_is_chosen(tmp_path):
    save("bert", tmp_path)
    directory = state(tmp_path, pooling_mode_mean_tokens=True, pooling_mode_max_tokens=True)
    with pytest.raises(ConfigError, match=r"mean_tokens \+ max_tokens[\s\S]*model\.pooling=mean"):
        Transformer(directory, 2)
    assert "trained with mean_tokens + max_tokens" in Transformer(directory, 2, pooling="mean").loaded


def test_a_damaged_file_is_named(tmp_path):
    save("bert", tmp_path)
    directory = state(tmp_path, pooling_mode_mean_tokens=True)
    (tmp_path / "1_Pooling" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"1_Pooling/config\.json is not readable"):
        Transformer(directory, 2)


def test_a_transformer_in_a_folder_of_its_own(tmp_path):
    save("bert", tmp_path / "0_Transformer")
    directory = state(tmp_path, pooling_mode_mean_tokens=True)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert "pooling mean, as 1_Pooling" in Transformer(directory, 2).loaded
    files = [str(path.relative_to(tmp_path)) for path in pretrained_files(directory)]
    weights = ["0_Transformer/config.json", "0_Transformer/model.safetensors"]
    assert files == [*weights, "modules.json", "1_Pooling/config.json"]


def test_auto_without_a_word_is_the_class_token_or_the_mean(tmp_path):
    bert, gpt2 = save("bert", tmp_path / "bert"), save("gpt2", tmp_path / "gpt2")
    inputs = batch()
    model = Transformer(bert, 2).eval()
    hidden_BTD, mean_BD = masked_mean(model, inputs)
    untyped = {**inputs, "token_type_ids": None}
    torch.testing.assert_close(model.encode(**untyped), hidden_BTD[:, 0])
    torch.testing.assert_close(Transformer(bert, 2, class_token="none").eval().encode(**untyped), mean_BD)
    assert "pooling mean: there is no class token to take" in Transformer(gpt2, 2).loaded
    with pytest.raises(ConfigError, match="puts no class token"):
        Transformer(bert, 2, pooling="cls", class_token="none")


@pytest.mark.parametrize("pooling", ["cls", "auto"])
def test_a_class_token_at_the_end_is_taken_there_whatever_the_padding(tmp_path, pooling):
    model = Transformer(save("xlnet", tmp_path), 2, pooling=pooling, class_token="last").eval()
    inputs = batch((5, 9, 2), pad=5)
    together = model.encode(**inputs)
    for row, length in enumerate((5, 9, 2)):
        alone = {name: value[row : row + 1, :length] for name, value in inputs.items()}
        hidden_BTD = model.body(**alone).last_hidden_state
        torch.testing.assert_close(together[row], hidden_BTD[0, -1], atol=1e-5, rtol=1e-5)
    flipped = {**inputs, "token_type_ids": 1 - inputs["token_type_ids"]}
    flipped["token_type_ids"][:, 0] = inputs["token_type_ids"][:, 0]
    assert not torch.allclose(together, model.encode(**flipped))  # segments reach the layers that know them
