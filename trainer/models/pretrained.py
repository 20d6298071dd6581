"""Finding pretrained transformers: a directory, a config.json alone, or a name on the Hugging Face hub.

Nothing of what is found is ever executed, and only ``allow_network`` reaches for the network.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError, ConfigError

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # the first that is there is loaded
OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".ckpt", ".gguf", ".onnx")
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
LFS_POINTER = b"version https://git-lfs"
MOST_CHARACTERS = 160  # of somebody else's message


@dataclass(frozen=True)
class Pretrained:
    """A transformer that is at hand.

    Attributes:
        name: as the user gave it.
        directory: where its files are.
        config: its ``config.json``, as read.
        config_path: of that file.
        weights: files of weights, shards and their index; none = the architecture with fresh weights.
    """

    name: str
    directory: Path
    config: dict[str, Any]
    config_path: Path
    weights: tuple[Path, ...]


def find_pretrained(pretrained: str, *, allow_network: bool = False) -> Pretrained:
    """Find a transformer's files.

    Args:
        pretrained: a directory with ``config.json`` and weights; a ``config.json`` itself (fresh weights); or the name
            of a model on the hub, looked up in the local cache.
        allow_network: download a name that is not in the cache (``HF_ENDPOINT`` can name a mirror).

    Raises:
        ConfigError: not at hand, wants to run code of its own, or is no usable configuration.
        CheckpointError: the directory holds no weights that are read here.
    """
    if not pretrained.strip():
        raise ConfigError(
            "model.pretrained is empty: give a directory, a config.json or the name of a model on the hub"
        )
    path = Path(pretrained).expanduser()
    if path.is_file():
        return Pretrained(pretrained, path.parent, _read_config(pretrained, path), path, ())
    if path.is_dir():
        config_path = path / "config.json"
        if not config_path.is_file():
            raise ConfigError(f"model.pretrained={pretrained}: the directory has no config.json")
        found = Pretrained(
            pretrained, path, _read_config(pretrained, config_path), config_path, _weights(pretrained, path)
        )
        _refuse_no_weights(found)
        return found
    directory = _cached(pretrained) or (_download(pretrained) if allow_network else None)
    if directory is None:
        raise _not_at_hand(pretrained)
    config_path = directory / "config.json"
    config = _read_config(pretrained, config_path)
    return Pretrained(pretrained, directory, config, config_path, _weights(pretrained, directory))


def pretrained_files(pretrained: str, *, allow_network: bool = False) -> list[Path]:
    """Return the files that decide the numbers: configuration, weights and tokenizer, in that order.

    Raises:
        ConfigError: not at hand.
        CheckpointError: the directory holds no weights that are read here.
    """
    found = find_pretrained(pretrained, allow_network=allow_network)
    tokenizer = [found.directory / name for name in TOKENIZER]
    return [found.config_path, *found.weights, *(path for path in tokenizer if path.is_file())]


def refuse_remote_code(pretrained: str, config: dict[str, Any], path: Path) -> None:
    """Refuse a configuration (of a model or a tokenizer) that names code of its own to run.

    Raises:
        ConfigError: it has ``auto_map``.
    """
    if '"auto_map"' in json.dumps(config):
        raise ConfigError(
            f"model.pretrained={pretrained}: {path.name} asks to run code that comes with the model (auto_map)\n"
            "such code is never run; use a model whose architecture transformers has itself"
        )


def first_line(error: Exception) -> str:
    """Return the first line of somebody else's message, with the next one where it ends in a colon, not too long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 1 + lines[0].endswith(":")]) if lines else type(error).__name__
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _read_config(pretrained: str, path: Path) -> dict[str, Any]:
    option = f"model.pretrained={pretrained}"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{option}: {path.name} is not readable as JSON: {first_line(error)}") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ConfigError(
            f"{option}: {path.name} is no configuration of a transformer: it has no model_type\n"
            'an old BERT may lack it: add "model_type": "bert" to the file'
        )
    refuse_remote_code(pretrained, config, path)
    if config.get("quantization_config"):
        raise ConfigError(f"{option}: its weights are quantised and cannot be trained\nuse the model's full weights")
    if (path.parent / "adapter_config.json").exists():
        raise ConfigError(f"{option}: holds an adapter\nmerge it into its base model, save that, and give it")
    return config


def _weights(pretrained: str, directory: Path) -> tuple[Path, ...]:
    """Return the files of weights that transformers would load from ``directory``."""
    first = next((directory / name for name in WEIGHTS if (directory / name).exists()), None)
    if first is None:
        return ()
    files = (first, *_shards(first)) if first.suffix == ".json" else (first,)
    for path in files:
        if not path.is_file():
            raise CheckpointError(f"model.pretrained={pretrained}: {first.name} names {path.name}, which is not there")
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise CheckpointError(
                    f"{path}: a Git LFS pointer, not the weights themselves\nfetch them: git lfs pull"
                )
    return files


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [index.parent / name for name in names if Path(name).name == name]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{index}: not readable as an index of weights: {first_line(error)}") from error
    if not paths or len(paths) != len(names):
        raise CheckpointError(f"{index}: names no files beside it")
    return paths


def _refuse_no_weights(found: Pretrained) -> None:
    """Refuse to start fresh from a directory: that is never what was meant."""
    if found.weights:
        return
    others = sorted(path.name for path in found.directory.iterdir() if path.suffix in OTHER_WEIGHTS)
    but = f", but {others[0]}" if others else ""
    raise CheckpointError(
        f"model.pretrained={found.name}: holds no model.safetensors or pytorch_model.bin{but}\n"
        "save the model with transformers' save_pretrained; for fresh weights give its config.json"
    )


def _cached(name: str) -> Path | None:
    """Return the local cache's directory of a hub model, if it has configuration and weights; never uses the network.

    Args:
        name: as the hub knows it.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    if not _may_be_hub_name(name):
        return None
    path = try_to_load_from_cache(name, "config.json", cache_dir=constants.HF_HUB_CACHE)
    if not isinstance(path, str):
        return None
    return Path(path).parent if _weights(name, Path(path).parent) else None


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    if not _may_be_hub_name(name):
        raise _not_at_hand(name)
    try:
        small = ["config.json", *TOKENIZER]
        safe = ["model.safetensors", "model.safetensors.index.json", "model-*.safetensors"]
        directory = Path(snapshot_download(name, allow_patterns=[*small, *safe]))
        if not _weights(name, directory):
            snapshot_download(name, allow_patterns=["pytorch_model*.bin", "pytorch_model.bin.index.json"])
    except CheckpointError:
        raise
    except Exception as error:  # of the hub's client and of whatever carries its requests
        raise ConfigError(
            f"model.pretrained={name}: the download failed: {first_line(error)}\n"
            "HF_ENDPOINT=https://... in the environment can name a mirror; or give a directory"
        ) from error
    if not (directory / "config.json").is_file() or not _weights(name, directory):
        raise ConfigError(f"model.pretrained={name}: on the hub it has no config.json with weights that are read here")
    return directory


def _may_be_hub_name(name: str) -> bool:
    return re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", name) is not None and "--" not in name and ".." not in name


def _not_at_hand(pretrained: str) -> ConfigError:
    if not _may_be_hub_name(pretrained):
        return ConfigError(f"model.pretrained={pretrained}: no such file or directory")
    return ConfigError(
        f"model.pretrained={pretrained}: not a directory here, and not in the local cache of the Hugging Face hub\n"
        "model.allow_network=true downloads it (HF_ENDPOINT=https://... in the environment can name a mirror);\n"
        "or give a directory with config.json and weights, or a config.json alone for fresh weights"
    )
