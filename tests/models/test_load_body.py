"""Weights arrive whole, or it is said what is lacking; pickles are never run."""

import json
import os
import pickle
import warnings
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.transformer_cases import config_of, save
from trainer.errors import CheckpointError, ConfigError
from trainer.models.load_body import load_body
from trainer.models.pretrained import find_pretrained


def load(directory):
    return load_body(find_pretrained(str(directory)))


def rewrite(tmp_path, change, **options):
    """Save a BERT whose tensors ``change`` turned into others."""
    directory = save("bert", tmp_path / "model", **options)
    file = tmp_path / "model" / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return directory


def refused(directory):
    with pytest.raises(CheckpointError) as caught:
        load(directory)
    assert len(str(caught.value).splitlines()) <= 5
    assert all(len(line) < 500 for line in str(caught.value).splitlines())
    assert caught.value.exit_code == 4
    return str(caught.value)


def assert_same_weights(body, tensors):
    state = body.module.state_dict()
    wanted = {name: value for name, value in tensors.items() if not name.startswith("pooler")}
    assert state.keys() >= wanted.keys()
    assert all(torch.equal(state[name], value) for name, value in wanted.items())


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "deberta-v2"])
def test_every_parameter_comes_from_the_file(tmp_path, kind):
    body = load(save(kind, tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    assert_same_weights(body, tensors)
    assert {name for name, _ in body.module.named_parameters()} <= tensors.keys()
    assert "100.0%" in body.loaded
    assert not any(name.startswith("pooler") for name, _ in body.module.named_parameters())


def test_half_precision_files_are_trained_in_float32(tmp_path):
    body = load(rewrite(tmp_path, lambda tensors: {name: value.half() for name, value in tensors.items()}))
    assert {parameter.dtype for parameter in body.module.parameters()} == {torch.float32}


def test_a_model_saved_with_its_pretraining_head(tmp_path):
    directory = save("bert", tmp_path, auto="AutoModelForMaskedLM")
    body = load(directory)
    given = load_file(tmp_path / "model.safetensors")
    assert_same_weights(body, {name[5:]: value for name, value in given.items() if name.startswith("bert.")})
    assert "100.0%" in body.loaded
    assert "not used: cls.predictions" in body.loaded


def test_shards_give_the_same_weights(tmp_path):
    from transformers import AutoModel

    AutoModel.from_pretrained(save("bert", tmp_path / "one")).save_pretrained(tmp_path / "many", max_shard_size="6KB")
    assert_same_weights(load(tmp_path / "many"), load_file(tmp_path / "one" / "model.safetensors"))


def as_pickle(directory):
    """Turn a model directory into one of the old kind; return the tensors."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    torch.save(tensors, directory / "pytorch_model.bin")
    return tensors


def test_pytorch_model_bin(tmp_path):
    save("bert", tmp_path)
    assert_same_weights(load(tmp_path), as_pickle(tmp_path))


class Payload:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("format", ["zip", "legacy", "bare", "shard"])
def test_a_pickle_with_a_payload_is_not_run(tmp_path, monkeypatch, format, forced):
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    save("bert", tmp_path / "model")
    tensors = as_pickle(tmp_path / "model")
    evil, canary = {**tensors, "evil": Payload(tmp_path / "canary")}, tmp_path / "canary"
    file = tmp_path / "model" / "pytorch_model.bin"
    if format == "shard":
        index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(tensors, "pytorch_model-1-of-1.bin")}
        file.rename(tmp_path / "model" / "pytorch_model-1-of-1.bin")
        file = tmp_path / "model" / "pytorch_model-1-of-1.bin"
        (tmp_path / "model" / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    if format == "bare":
        file.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, file, _use_new_zipfile_serialization=format != "legacy")
    assert zipfile.is_zipfile(file) == (format in ("zip", "shard"))
    assert "a pickle of more than tensors, which is not run" in refused(tmp_path / "model")
    assert not canary.exists()
    torch.load(file, weights_only=False) if format != "bare" else pickle.loads(file.read_bytes())
    assert canary.exists(), "the payload would not have worked anyway"


def test_one_small_tensor_that_is_lacking_is_told(tmp_path):
    name = "encoder.layer.0.attention.output.LayerNorm.bias"

    def change(tensors):
        return {other: value for other, value in tensors.items() if other != name}

    directory = rewrite(tmp_path, change)
    with pytest.warns(UserWarning, match=name):
        body = load(directory)
    assert name in body.loaded


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: {f"another.{name}": value for name, value in tensors.items()}, "only in the file"),
        (
            lambda tensors: {name: value for name, value in tensors.items() if "layer.1" not in name},
            "only in the model",
        ),
        (lambda tensors: {"something": torch.zeros(3)}, "0.0% of the backbone"),
    ],
)
def test_too_little_of_the_body_is_refused(tmp_path, change, words):
    message = refused(rewrite(tmp_path, change))
    assert "too little" in message
    assert words in message


def test_weights_of_another_shape_are_refused(tmp_path):
    def change(tensors):
        return {**tensors, "embeddings.word_embeddings.weight": torch.zeros(90, 16)}

    message = refused(rewrite(tmp_path, change))
    assert "embeddings.word_embeddings.weight (90, 16) there, (60, 16) here" in message


def test_numbers_that_are_none_are_refused(tmp_path):
    name = "encoder.layer.1.output.dense.weight"

    def change(tensors):
        tensors[name][2, 3] = float("nan")
        return tensors

    assert f"NaN or infinity in {name}" in refused(rewrite(tmp_path, change))


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "directory"])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_damaged_files_are_refused(tmp_path, name, damage):
    save("bert", tmp_path)
    if name == "pytorch_model.bin":
        as_pickle(tmp_path)
    file = tmp_path / name
    whole = file.read_bytes()
    if damage == "directory":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(
            {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"<html>not found</html>"}[damage]
        )
    assert name in refused(tmp_path)


PART = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "nosuch"}, "does not have"),
        ({"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3}, "cannot be built"),
        ({"model_type": "bert", "num_hidden_layers": "two"}, "configuration|cannot be built"),
        (
            {"model_type": "clip", "text_config": PART, "vision_config": {**PART, "image_size": 32}},
            "no vector per token",
        ),
    ],
)
def test_configurations_that_cannot_be_built(tmp_path, config, words):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=words) as caught:
        load(tmp_path / "config.json")
    assert len(str(caught.value).splitlines()) <= 5


def test_the_encoder_of_an_encoder_decoder_is_refused_as_one(tmp_path):
    """Its configuration says that it is none."""
    from transformers import T5EncoderModel

    T5EncoderModel(config_of("t5")).save_pretrained(tmp_path)
    assert not json.loads((tmp_path / "config.json").read_text())["is_encoder_decoder"]
    with pytest.raises(ConfigError, match="t5 is an encoder-decoder, and its encoder alone"):
        load(tmp_path)


def test_a_config_cannot_name_other_weights_or_ask_for_more_outputs(tmp_path):
    save("bert", tmp_path)
    path = tmp_path / "config.json"
    asked = {
        "transformers_weights": "other.bin",
        "output_attentions": True,
        "output_hidden_states": True,
        "dtype": "float16",
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), **asked, "return_dict": False}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        body = load(tmp_path)
    assert_same_weights(body, load_file(tmp_path / "model.safetensors"))
    output = body.module(input_ids=torch.tensor([[3, 4]]))
    assert output.hidden_states is None
    assert output.attentions is None


def test_a_bert_of_2018_is_loaded_whole(tmp_path):
    """Its names: bert. in front, gamma and beta in the norms; in torch's format of then; bert_config.json beside it."""
    from transformers import AutoModel

    reference = AutoModel.from_pretrained(save("bert", tmp_path / "new"))
    values = {
        f"bert.{name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}": value
        + 0.5
        for name, value in reference.state_dict().items()
    }
    old = tmp_path / "old"
    old.mkdir()
    torch.save(values, old / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    kept = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    (old / "bert_config.json").write_text(json.dumps(kept))
    body = load_body(find_pretrained(str(old)))
    for name, value in body.module.state_dict().items():
        torch.testing.assert_close(value, reference.state_dict()[name] + 0.5)


def test_what_was_read_as_a_bert_and_lacks_its_positions_is_none(tmp_path):
    """As NEZHA, which has relative positions."""
    from safetensors.torch import load_file, save_file

    directory = save("bert", tmp_path)
    values = load_file(tmp_path / "model.safetensors")
    del values["embeddings.position_embeddings.weight"]
    save_file(values, tmp_path / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": None}))
    with pytest.raises(CheckpointError, match=r"no bert[\s\S]*model_type"):
        load_body(find_pretrained(directory))
