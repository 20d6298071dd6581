"""Finding pretrained transformers: a directory, a config.json alone, or a name on the Hugging Face hub.

Nothing of what is found is ever executed, and only ``allow_network`` reaches for the network.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import CheckpointError, ConfigError
from trainer.models.stated_pooling import pooling_files
from trainer.system.model_files import (
    TOKENIZER,
    ModelConfig,
    directory_config,
    model_directory,
    read_model_config,
    refuse_adapter,
    refuse_other_format,
    refuse_pointer,
)
from trainer.wording.translations import _

TRANSFORMER = "trainer.models.transformer.Transformer"  # the model whose section names one
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # the first that is there is loaded
OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
MOST_CHARACTERS = 160  # of somebody else's message


@dataclass(frozen=True)
class Pretrained:
    """A transformer that is at hand.

    Attributes:
        name: as the user gave it.
        directory: where its files are.
        config: its configuration, the type of the model told where its file does not say it.
        weights: files of weights, shards and their index; none = the architecture with fresh weights.
    """

    name: str
    directory: Path
    config: ModelConfig
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
    option, path = f"model.pretrained={pretrained}", Path(pretrained)
    if path.is_file():
        return Pretrained(pretrained, path.parent, _trainable(option, read_model_config(option, path)), ())
    if path.is_dir():
        directory = model_directory(path)
        config = _trainable(option, directory_config(option, directory))
        found = Pretrained(pretrained, directory, config, _weights(pretrained, directory))
        _refuse_no_weights(found)
        return found
    cached = _cached(pretrained) or (_download(pretrained) if allow_network else None)
    if cached is None:
        raise _not_at_hand(pretrained)
    config = _trainable(option, read_model_config(option, cached / "config.json"))
    return Pretrained(pretrained, cached, config, _weights(pretrained, cached))


def pretrained_files(pretrained: str, *, allow_network: bool = False) -> list[Path]:
    """Return the files that decide the numbers: configuration, weights, tokenizer and pooling, in that order.

    Raises:
        ConfigError: not at hand.
        CheckpointError: the directory holds no weights that are read here.
    """
    found = find_pretrained(pretrained, allow_network=allow_network)
    tokenizer = [found.directory / name for name in TOKENIZER]
    beside = [path for path in tokenizer if path.is_file()] + pooling_files(found.directory)
    return [found.config.path, *found.weights, *beside]


def first_line(error: Exception) -> str:
    """Return the first line of somebody else's message, with the next one where it ends in a colon, not too long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 1 + lines[0].endswith(":")]) if lines else type(error).__name__
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _trainable(option: str, config: ModelConfig) -> ModelConfig:
    if config.values.get("quantization_config"):
        raise ConfigError(f"{option}: its weights are quantised and cannot be trained\nuse the model's full weights")
    refuse_adapter(option, config.path.parent)
    return config


def _weights(pretrained: str, directory: Path) -> tuple[Path, ...]:
    """Return the files of weights that transformers would load from ``directory``."""
    first = next((directory / name for name in WEIGHTS if (directory / name).exists()), None)
    if first is None:
        return ()
    refuse_pointer(first)
    files = (first, *_shards(first)) if first.suffix == ".json" else (first,)
    lacking = [path.name for path in files if not path.is_file()]
    if lacking:
        raise CheckpointError(
            f"model.pretrained={pretrained}: {first.name} names {lacking[0]}, which is not there "
            f"({len(lacking)} of {len(files) - 1} files of weights are lacking)\ncopy or download the whole model again"
        )
    for path in files:
        refuse_pointer(path)
    return files


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [index.parent / name for name in names if Path(name).name == name]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{index}: not readable as an index of weights: {first_line(error)}") from error
    if not paths or len(paths) != len(names):
        raise CheckpointError(f"{index}: names no files next to it")
    return paths


def _refuse_no_weights(found: Pretrained) -> None:
    """Refuse to start fresh from a directory: that is never what was meant."""
    if found.weights:
        return
    refuse_other_format(f"model.pretrained={found.name}", found.directory)
    others = sorted(path.name for path in found.directory.iterdir() if path.suffix in OTHER_WEIGHTS)
    if others and "-of-" in others[0]:
        raise CheckpointError(
            f"model.pretrained={found.name}: holds {others[0]}, a part of the weights, but no index of the parts\n"
            "copy model.safetensors.index.json (or pytorch_model.bin.index.json) there too"
        )
    but_others = _("model.pretrained={name}: holds no model.safetensors or pytorch_model.bin, but {other}")
    said = but_others if others else _("model.pretrained={name}: holds no model.safetensors or pytorch_model.bin")
    advice = _("save the model with transformers' save_pretrained; for fresh weights give its config.json")
    message = said.format(name=found.name, other="".join(others[:1]))
    raise CheckpointError(f"{message}\n{advice}")


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
        return ConfigError(_("model.pretrained={name}: no such file or directory").format(name=pretrained))
    said = _(
        "model.pretrained={name}: not a directory here, and not in the local cache of the Hugging Face hub\n"
        "model.allow_network=true downloads it (HF_ENDPOINT=https://... in the environment can name a mirror);\n"
        "or give a directory with config.json and weights, or a config.json alone for fresh weights"
    )
    return ConfigError(said.format(name=pretrained))
