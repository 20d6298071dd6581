"""The directory of a pretrained transformer, as people have it: looked at as a whole before anything is loaded.

The model and its tokenizer are loaded in different places; both ask here what the directory holds, so that both read
the same configuration, and what cannot be used is named whichever is loaded first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError, ConfigError, first_line_of

CONFIGS = ("config.json", "bert_config.json")  # the second is the one of Google's BERT and its kin of 2018-2019
WEIGHTS = frozenset((".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".onnx"))
MODULES = "modules.json"  # of sentence-transformers
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
BERTS_KEYS = {
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
}
OTHERS_KEYS = {  # of ALBERT, ELECTRA, NEZHA, ERNIE 2 and GPT-like models
    "embedding_size",
    "num_hidden_groups",
    "use_relative_position",
    "max_relative_position",
    "use_task_id",
    "n_layer",
    "d_model",
}
OF_TENSORFLOW = "pip install 'transformers<5' tensorflow torch"
OTHER_FORMATS = {  # pattern of a file's name -> what it is, and how a model is made of it
    "*.ckpt.index": (
        "a TensorFlow checkpoint",
        f"convert it elsewhere ({OF_TENSORFLOW}): BertForPreTraining.from_pretrained('bert_model.ckpt.index', "
        "from_tf=True, config=BertConfig.from_json_file('bert_config.json')).save_pretrained(DIR)",
    ),
    "*.ckpt.meta": ("a part of a TensorFlow checkpoint", "the .ckpt.index and .ckpt.data files belong to it"),
    "*.h5": (
        "weights of TensorFlow",
        f"convert them elsewhere ({OF_TENSORFLOW}):\n"
        "AutoModel.from_pretrained(THIS, from_tf=True).save_pretrained(DIR)",
    ),
    "*.msgpack": (
        "weights of Flax",
        "convert them elsewhere (pip install 'transformers<5' flax torch):\n"
        "AutoModel.from_pretrained(THIS, from_flax=True).save_pretrained(DIR)",
    ),
    "*.gguf": ("quantised for llama.cpp", "it cannot be trained: get the model's original weights (safetensors)"),
    "*.onnx": ("a graph for prediction", "it cannot be trained: get the model's original weights (safetensors)"),
    "*.pdparams": ("weights of PaddlePaddle", "get or convert the model's PyTorch weights"),
}


@dataclass(frozen=True)
class ModelConfig:
    """The configuration of a transformer.

    Attributes:
        path: of its file.
        values: as read, ``model_type`` added where it was lacking.
        note: what was added and why; empty where nothing was.
    """

    path: Path
    values: dict[str, Any]
    note: str = ""

    @property
    def completed(self) -> bool:
        """Whether ``model_type`` is not the file's own word."""
        return bool(self.note)


def model_directory(path: Path) -> Path:
    """Return where the transformer itself lies: sentence-transformers of 2019-2020 keep it in a folder of its own."""
    modules = path / MODULES
    if (path / CONFIGS[0]).exists() or not modules.is_file():
        return path
    try:
        inner = path / json.loads(modules.read_text(encoding="utf-8"))[0]["path"]
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return path
    return inner if inner.resolve().is_relative_to(path.resolve()) and (inner / CONFIGS[0]).is_file() else path


def directory_config(option: str, directory: Path) -> ModelConfig:
    """Read the configuration in a directory.

    Args:
        option: what names the directory, for messages.
        directory: of the model.

    Raises:
        ConfigError: there is none, or it is none of a transformer that transformers has.
        CheckpointError: in its place there is something else, of which a model can be made.
    """
    found = next((directory / name for name in CONFIGS if (directory / name).is_file()), None)
    if found is not None:
        return read_model_config(option, found)
    refuse_adapter(option, directory)
    refuse_other_format(option, directory)
    below = sorted(path.parent.name for path in directory.glob("*/config.json"))
    raise ConfigError(
        f"{option}: the directory has no config.json"
        + (f"\nthere is one in {below[0]}: give {directory / below[0]}" if below else "")
    )


def read_model_config(option: str, path: Path) -> ModelConfig:
    """Read a configuration's file; one of 2018-2019 may lack the type of its model.

    Raises:
        ConfigError: not readable, no type that can be told, or one that transformers does not have.
    """
    refuse_pointer(path)
    if path.suffix in WEIGHTS:
        raise ConfigError(f"{option}: {path.name} is a file of weights: give the directory that it is in")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{option}: {path.name} is not readable as JSON: {first_line_of(error)}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{option}: {path.name} is no configuration of a transformer: it is no JSON object")
    refuse_remote_code(option, values, path)
    kind, note = values.get("model_type"), ""
    if not isinstance(kind, str):
        kind, why = _type_of(path, values) if kind is None else (None, "")
        if kind is None:
            raise ConfigError(
                f"{option}: {path.name} is no configuration of a transformer: it has no model_type\n"
                'where you know it, add it to the file: "model_type": "bert" for a BERT, "roberta", "albert", ...'
            )
        note = f"{path.name} has no model_type: read as {kind}, {why}"
        values = {**values, "model_type": kind}
    _refuse_unknown_type(option, path, kind)
    return ModelConfig(path, values, note)


def refuse_remote_code(option: str, config: Mapping[str, Any], path: Path) -> None:
    """Refuse a configuration (of a model or a tokenizer) that names code of its own to run.

    Raises:
        ConfigError: it has ``auto_map``.
    """
    if '"auto_map"' in json.dumps(config):
        raise ConfigError(
            f"{option}: {path.name} asks to run code that comes with the model (auto_map)\n"
            "such code is never run; use a model whose architecture transformers has itself"
        )


def refuse_pointer(path: Path) -> None:
    """Refuse a file that Git LFS left in place of the real one.

    Raises:
        CheckpointError: naming the way to the real one.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise CheckpointError(
                f"{path}: a Git LFS pointer, not the file itself\n"
                "fetch it: git lfs install && git lfs pull, in the directory that was cloned"
            )


def refuse_adapter(option: str, directory: Path) -> None:
    """Refuse an adapter (PEFT: LoRA and its kin).

    Raises:
        ConfigError: naming its base model, as it does.
    """
    path = directory / "adapter_config.json"
    if not path.exists():
        return
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, TypeError, KeyError):
        base = "BASE"
    raise ConfigError(
        f"{option}: holds an adapter (adapter_config.json) of the model {base}, not a model\n"
        f"merge it into its base and give that (pip install peft): model = AutoModel.from_pretrained('{base}');\n"
        "PeftModel.from_pretrained(model, THIS).merge_and_unload().save_pretrained(DIR)"
    )


def refuse_other_format(option: str, directory: Path) -> None:
    """Refuse a directory whose weights are another library's.

    Raises:
        CheckpointError: naming the file, and how a model is made of it.
    """
    for pattern, (what, way) in OTHER_FORMATS.items():
        for path in sorted(directory.glob(pattern)):
            lacking = "holds no model.safetensors or pytorch_model.bin"
            raise CheckpointError(f"{option}: {lacking}, but {path.name}: {what}\n{way}")


def _type_of(path: Path, values: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the type of a model whose file does not say it, and what told it."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    said = values.get("architectures")
    for name in said if isinstance(said, list) else ():
        for kind, base in MODEL_MAPPING_NAMES.items():
            stem = base.removesuffix("Model") if isinstance(base, str) else ""
            if stem and isinstance(name, str) and name.startswith((f"{stem}For", f"{stem}Model", f"{stem}LMHead")):
                return kind, f"for its architectures say {name}"
    as_bert = path.name == CONFIGS[1] or (path.parent / "vocab.txt").is_file()
    if as_bert and values.keys() >= BERTS_KEYS and not values.keys() & OTHERS_KEYS:
        return "bert", "by its keys and files"
    return None, ""


def _refuse_unknown_type(option: str, path: Path, kind: str) -> None:
    from transformers import CONFIG_MAPPING

    known = list(CONFIG_MAPPING.keys())
    if kind not in known:
        close = get_close_matches(kind, known, n=1, cutoff=0.8)
        raise ConfigError(
            f"{option}: {path.name} says model_type {kind}, which transformers {version('transformers')} does not have"
            + (f": did you mean '{close[0]}'?\n" if close else "\n")
            + "it dropped some (nezha, ernie_m, transfo-xl, ...) and may lack new ones (pip install -U transformers):\n"
            "use a model of a type it has, such as bert, roberta or deberta-v2"
        )
