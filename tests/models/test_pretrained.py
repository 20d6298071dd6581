"""Where a pretrained transformer is found, and what is refused before anything is loaded."""

import json
import socket

import pytest

from tests.models.transformer_cases import save
from trainer.errors import CheckpointError, ConfigError
from trainer.models.pretrained import find_pretrained, first_line, pretrained_files


@pytest.fixture
def attempts(monkeypatch):
    """Every attempt at the network; each fails."""
    made = []

    def refuse(*arguments, **_):
        made.append(arguments)
        raise OSError("no network in tests")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub's client."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached_model(cache, name="some/model"):
    directory = cache / f"models--{name.replace('/', '--')}"
    (directory / "refs").mkdir(parents=True)
    (directory / "refs" / "main").write_text("abc123")
    return save("bert", directory / "snapshots" / "abc123")


def refused(kind, pretrained, **options):
    with pytest.raises(kind) as caught:
        find_pretrained(str(pretrained), **options)
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


def test_a_directory_with_weights(tmp_path):
    found = find_pretrained(save("bert", tmp_path / "bert"))
    assert found.config.values["model_type"] == "bert"
    assert found.weights == (tmp_path / "bert" / "model.safetensors",)


def test_a_config_alone_means_fresh_weights_even_beside_weights(tmp_path):
    directory = save("bert", tmp_path)
    assert find_pretrained(f"{directory}/config.json").weights == ()


def test_a_directory_without_weights_is_refused(tmp_path):
    directory = save("bert", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(
        CheckpointError, match=r"holds no model.safetensors[\s\S]*for fresh weights give its config.json"
    ):
        find_pretrained(directory)


def test_the_files_that_decide_the_numbers(tmp_path):
    directory = save("bert", tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not read where there is a safetensors file")
    names = [path.name for path in pretrained_files(directory)]
    assert names == ["config.json", "model.safetensors", "vocab.txt"]
    assert [path.name for path in pretrained_files(f"{directory}/config.json")] == ["config.json", "vocab.txt"]


def test_shards_are_files_that_decide_the_numbers(tmp_path):
    from transformers import AutoModel

    AutoModel.from_pretrained(save("bert", tmp_path / "one")).save_pretrained(tmp_path / "many", max_shard_size="6KB")
    found = find_pretrained(str(tmp_path / "many"))
    names = [path.name for path in found.weights]
    assert names[0] == "model.safetensors.index.json"
    assert len(names) > 2
    assert set(names[1:]) == {path.name for path in (tmp_path / "many").glob("model-*.safetensors")}
    found.weights[1].unlink()
    assert found.weights[1].name in refused(CheckpointError, tmp_path / "many")


@pytest.mark.parametrize("name", ["bert-base-chinese", "someone/some-model"])
def test_a_name_that_is_not_at_hand_says_how_to_get_it_and_asks_nobody(cache, attempts, name):
    message = refused(ConfigError, name)
    for words in (name, "not a directory here", "local cache", "model.allow_network=true", "HF_ENDPOINT"):
        assert words in message
    with pytest.raises(ConfigError, match="not a directory here"):
        pretrained_files(name)
    assert attempts == []


def test_with_the_network_allowed_it_is_asked_for_and_a_failure_is_told(cache, attempts):
    message = refused(ConfigError, "someone/some-model", allow_network=True)
    assert attempts
    assert "download failed" in message
    assert "HF_ENDPOINT" in message


@pytest.mark.parametrize("path", ["./models/bert", "/nowhere/bert", "a/b/c", "../bert", "bert base", "a--b"])
def test_what_cannot_be_a_name_is_a_missing_file(cache, attempts, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # beside the repository there may be a folder of that name
    assert "no such file or directory" in refused(ConfigError, path, allow_network=True)
    assert attempts == []


def test_a_cached_model_is_found_without_the_network(cache, attempts):
    directory = cached_model(cache)
    found = find_pretrained("some/model", allow_network=True)
    assert str(found.directory) == directory
    assert [path.name for path in pretrained_files("some/model")] == ["config.json", "model.safetensors"]
    assert attempts == []


def test_a_cached_configuration_without_weights_is_not_at_hand(cache):
    cached_model(cache)
    next(cache.rglob("model.safetensors")).unlink()
    assert "local cache" in refused(ConfigError, "some/model")


def changed_config(tmp_path, **changed):
    directory = save("bert", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    return directory


@pytest.mark.parametrize("where", ["config.json", ""])
def test_code_that_comes_with_a_model_is_refused_and_not_run(tmp_path, where):
    from trainer.models.transformer import Transformer

    code = (
        f"open({str(tmp_path / 'canary')!r}, 'w')\nfrom transformers import BertModel as Evil, BertConfig as EvilConfig"
    )
    directory = changed_config(
        tmp_path / "evil", auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.EvilConfig"}, model_type="evil"
    )
    (tmp_path / "evil" / "evil.py").write_text(code)
    with pytest.raises(ConfigError, match="auto_map"):
        Transformer(f"{directory}/{where}".rstrip("/"), 2)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
        ({"model_type": None, "architectures": None}, "model_type"),
        ({"model_type": "nezha"}, "does not have"),
        ({"model_type": "nezha", "architectures": ["BertModel"]}, "does not have"),
        ({"model_type": 7}, "model_type"),
        ({"text_config": {"auto_map": {"AutoModel": "x.Y"}}}, "auto_map"),
    ],
)
def test_configurations_that_are_refused(tmp_path, changed, words):
    assert words in refused(ConfigError, changed_config(tmp_path, **changed))


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00", ""])
def test_a_config_that_is_none(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert "config.json" in refused(ConfigError, tmp_path)
    assert "config.json" in refused(ConfigError, tmp_path / "config.json")


def test_a_config_that_is_no_text(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00\x81")
    assert "not readable as JSON" in refused(ConfigError, tmp_path)


def test_a_directory_without_a_config(tmp_path):
    assert "no config.json" in refused(ConfigError, tmp_path)


def test_an_adapter_is_refused(tmp_path):
    directory = save("bert", tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    assert "adapter" in refused(ConfigError, directory)


@pytest.mark.parametrize("name", ["weights.bin", "tf_model.h5", "bert.safetensors", "checkpoint.pth"])
def test_weights_of_another_name_are_not_passed_over_in_silence(tmp_path, name):
    directory = save("bert", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / name)
    assert name in refused(CheckpointError, directory)
    assert find_pretrained(f"{directory}/config.json").weights == ()


def test_a_git_lfs_pointer_is_not_weights(tmp_path):
    directory = save("bert", tmp_path)
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    assert "git lfs pull" in refused(CheckpointError, directory)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"weight_map": []}', '{"weight_map": {"a": "../../x.safetensors"}}', "[1]"]
)
def test_an_index_that_is_none(tmp_path, text):
    directory = save("bert", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json" in refused(CheckpointError, directory)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_working_directory(tmp_path, monkeypatch, name):
    monkeypatch.chdir(save("bert", tmp_path))
    with pytest.raises(ConfigError, match=r"model\.pretrained is empty"):
        find_pretrained(name)


@pytest.mark.parametrize(
    ("said", "kept"),
    [("a\nb", "a"), ("wrong:\n  because\nmore", "wrong: because"), ("wrong:", "wrong:"), ("", "ValueError")],
)
def test_the_first_line_of_a_message_comes_with_its_reason(said, kept):
    assert first_line(ValueError(said)) == kept
