"""Directories of models as people have them: what is read as what, and what is refused with which way out."""

import json
from pathlib import Path

import pytest

from trainer.errors import CheckpointError, ConfigError, FoldwiseError
from trainer.system.model_files import directory_config, model_directory, read_model_config

BERT = {  # of a download of 2018: no model_type, no architectures
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 60,
}


def write(directory: Path, name: str = "config.json", **values) -> Path:
    (directory / name).write_text(json.dumps(values))
    return directory / name


def refused(directory: Path, kind: type[FoldwiseError]) -> str:
    with pytest.raises(kind) as caught:
        directory_config("model.pretrained=X", directory)
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "bert_config.json"])
def test_a_bert_of_2018_is_read_as_one_and_it_is_said(tmp_path, name):
    (tmp_path / "vocab.txt").write_text("a\n")
    write(tmp_path, name, **BERT)
    found = directory_config("x", tmp_path)
    assert found.values == {**BERT, "model_type": "bert"}
    assert found.completed
    assert f"{name} has no model_type: read as bert" in found.note


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("BertForMaskedLM", "bert"),
        ("RobertaForMaskedLM", "roberta"),
        ("AlbertModel", "albert"),
        ("XLNetLMHeadModel", "xlnet"),
        ("XLMRobertaForMaskedLM", "xlm-roberta"),
    ],
)
def test_architectures_tell_the_type(tmp_path, architecture, kind):
    found = read_model_config("x", write(tmp_path, architectures=[architecture]))
    assert found.values["model_type"] == kind
    assert architecture in found.note


def test_a_type_that_is_there_is_left_alone(tmp_path):
    found = read_model_config("x", write(tmp_path, model_type="roberta", architectures=["BertModel"]))
    assert found.values["model_type"] == "roberta"
    assert not found.completed


@pytest.mark.parametrize(
    "values",
    [
        {**BERT, "use_relative_position": True},  # NEZHA, which comes with a bert_config.json
        {**BERT, "embedding_size": 8},  # ALBERT, ELECTRA
        {key: value for key, value in BERT.items() if key != "type_vocab_size"},
        {"architectures": ["NezhaForMaskedLM"]},
        {"architectures": "BertModel"},
    ],
)
def test_what_may_be_no_bert_is_not_read_as_one(tmp_path, values):
    (tmp_path / "vocab.txt").write_text("a\n")
    write(tmp_path, "bert_config.json", **values)
    assert '"model_type": "bert"' in refused(tmp_path, ConfigError)


def test_a_bert_without_its_vocabulary_is_not_guessed_from_a_config_alone(tmp_path):
    write(tmp_path, **BERT)
    assert '"model_type": "bert"' in refused(tmp_path, ConfigError)


@pytest.mark.parametrize("kind", ["nezha", "ernie_m", "transfo-xl"])
def test_a_type_that_transformers_dropped_is_named(tmp_path, kind):
    write(tmp_path, **BERT, model_type=kind)
    message = refused(tmp_path, ConfigError)
    assert f"model_type {kind}, which transformers" in message
    assert "pip install -U transformers" in message


def test_a_misspelt_type_is_corrected(tmp_path):
    write(tmp_path, **BERT, model_type="roberte")
    assert "did you mean 'roberta'?" in refused(tmp_path, ConfigError)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bert_model.ckpt.index", "from_tf=True"),
        ("tf_model.h5", "from_tf=True"),
        ("flax_model.msgpack", "from_flax=True"),
        ("model-q4.gguf", "original weights"),
        ("model_state.pdparams", "PaddlePaddle"),
    ],
)
def test_weights_of_another_library_are_named_with_the_way(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"")
    message = refused(tmp_path, CheckpointError)
    assert name in message
    assert words in message


def test_an_adapter_alone_names_its_base(tmp_path):
    write(tmp_path, "adapter_config.json", base_model_name_or_path="someone/base", peft_type="LORA")
    message = refused(tmp_path, ConfigError)
    assert "someone/base" in message
    assert "merge_and_unload" in message


def test_a_pointer_in_place_of_a_file(tmp_path):
    (tmp_path / "config.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    assert "git lfs pull" in refused(tmp_path, CheckpointError)


def test_a_file_of_weights_in_place_of_the_directory(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match=r"model\.safetensors is a file of weights: give the directory that it is in"):
        read_model_config("model.pretrained=X", tmp_path / "model.safetensors")


def test_a_directory_above_the_model_names_the_one_below(tmp_path):
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", **BERT)
    assert str(tmp_path / "inner") in refused(tmp_path, ConfigError)


@pytest.mark.parametrize("path", ["0_Transformer", "../other", ""])
def test_the_folder_of_the_transformer_in_a_sentence_transformer(tmp_path, path):
    top = tmp_path / "top"
    for directory in (top / "0_Transformer", tmp_path / "other"):
        directory.mkdir(parents=True)
        write(directory, **BERT)
    (top / "modules.json").write_text(json.dumps([{"path": path, "type": "sentence_transformers.models.Transformer"}]))
    assert model_directory(top) == (top / "0_Transformer" if path == "0_Transformer" else top)
