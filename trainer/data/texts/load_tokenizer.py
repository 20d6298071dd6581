"""Finding and loading a pretrained tokenizer, without running foreign code; what would make empty rows is refused."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trainer.data.texts.hf_tokenizer import ClassToken, TokenMaker
from trainer.errors import ConfigError, shown
from trainer.system.model_files import (
    CONFIGS,
    TOKENIZER,
    ModelConfig,
    directory_config,
    model_directory,
    refuse_pointer,
)
from trainer.system.transformers_quiet import max_positions, quiet, transformers_config

NO_CODE = (
    "its tokenizer is program code of its own, which is never run: use a model whose tokenizer is a tokenizer.json"
)
GENERIC = ("TokenizersBackend", "PreTrainedTokenizerFast")  # read whatever is there, or raise
SENTENCE_CONFIG = "sentence_bert_config.json"  # of sentence-transformers, beside the model
SENTENCEPIECE = "*.model"  # spiece.model, spm.model, sentencepiece.bpe.model, tokenizer.model
CASED = 0.05  # least share of a vocabulary's words in Latin letters that have a capital


def load_tokenizer(pretrained: str, allow_network: bool) -> TokenMaker:
    """Load the tokenizer of a pretrained model.

    Args:
        pretrained: a directory, the config.json in it, or a name on the Hugging Face hub.
        allow_network: whether it may be downloaded; without it nothing but local files is read.

    Raises:
        ConfigError: there is none, it lacks its vocabulary, or it would run foreign code.
    """
    place = _place(pretrained)
    directory = Path(place) if Path(place).is_dir() else None
    config = None if directory is None else _config_beside(pretrained, directory)
    options: dict[str, Any] = {"local_files_only": not allow_network}
    if config is not None and config.completed:
        options["config"] = transformers_config(config)
    tokenizer = _loaded(pretrained, place, options)
    notes = []
    if directory is not None:
        _refuse_without_vocabulary(pretrained, directory, tokenizer)
        if _lowers_capitals(directory, tokenizer):
            notes = [
                "texts are lower-cased, though vocab.txt has words with capitals: "
                'if the model is a cased one, write {"do_lower_case": false} into tokenizer_config.json'
            ]
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # made up from config.json alone
        raise _no_files(pretrained, place)
    return _maker(tokenizer, _positions(place, config, allow_network), notes)


def _loaded(pretrained: str, place: str, options: Mapping[str, Any]) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(place, use_fast=True, trust_remote_code=False, **options)
    except Exception as error:  # damaged files raise anything
        raise _refusal(pretrained, place, not options["local_files_only"], error) from error
    if not tokenizer.is_fast:
        raise ConfigError(
            f"model.pretrained={pretrained}: {type(tokenizer).__name__} has no fast version\n{_SAVE_FAST}"
        )
    return tokenizer


_SAVE_FAST = "only tokenizers with a tokenizer.json work (or that transformers can turn into one)"


def _place(pretrained: str) -> str:
    if not pretrained.strip():
        raise ConfigError("model.pretrained is empty: give the directory or the hub name of a model with a tokenizer")
    path = Path(pretrained)
    if path.is_dir():
        return str(model_directory(path))
    if path.is_file():
        if path.suffix != ".json":
            raise ConfigError(f"model.pretrained={pretrained}: give the directory of the model, or its config.json")
        return str(path.parent)
    if path.is_absolute() or pretrained.startswith(("./", "../", "~")) or pretrained.count("/") > 1:
        raise ConfigError(f"model.pretrained={pretrained}: there is no such directory")
    return pretrained


def trained_length_note(pretrained: str, max_length: int) -> str:
    """Return what to say where texts are longer than those a sentence-transformers model was trained with, or ""."""
    path = Path(_place(pretrained)) / SENTENCE_CONFIG
    try:
        trained = json.loads(path.read_text(encoding="utf-8"))["max_seq_length"]
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    if not isinstance(trained, int) or trained >= max_length:
        return ""
    return f"the model was trained with {trained} tokens at most ({path.name}): see data.preprocess.max_length"


def _config_beside(pretrained: str, directory: Path) -> ModelConfig | None:
    """Return the configuration of the model beside the tokenizer, if there is one."""
    for name in TOKENIZER:
        refuse_pointer(directory / name)
    if not any((directory / name).is_file() for name in CONFIGS):
        return None
    try:
        return directory_config(f"model.pretrained={pretrained}", directory)
    except ConfigError:
        if (directory / "tokenizer_config.json").is_file():  # it says itself what it is
            return None
        raise


def _refuse_without_vocabulary(pretrained: str, directory: Path, tokenizer: Any) -> None:
    """Refuse a tokenizer that transformers (5.23) has made without its files: it splits no text into known tokens."""
    kind = type(tokenizer)
    named = {key: name for key, name in kind.vocab_files_names.items() if key in ("vocab_file", "merges_file")}
    lacking = [name for name in named.values() if not (directory / name).is_file()]
    if not lacking or kind.__name__ in GENERIC or (directory / "tokenizer.json").is_file():
        return
    if not any((directory / name).is_file() for name in TOKENIZER if name != "tokenizer_config.json"):
        raise _no_files(pretrained, str(directory))
    way = "copy it there, or name a directory that has it: data.preprocess.pretrained=DIR"
    if (directory / "vocab.txt").is_file() and "vocab.txt" not in named.values():
        way = (
            "if vocab.txt is that of a BERT (words, ## in front of their parts), say so in tokenizer_config.json:\n"
            '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}'
        )
    raise ConfigError(
        f"no tokenizer at model.pretrained={pretrained}: {kind.__name__} reads {' and '.join(named.values())} "
        f"or tokenizer.json, and {directory} has no {lacking[0]}\n{way}"
    )


def _lowers_capitals(directory: Path, tokenizer: Any) -> bool:
    """Return whether texts would be lower-cased by default, though the vocabulary has capitals (BERT-cased of 2018)."""
    vocabulary, said = directory / "vocab.txt", directory / "tokenizer_config.json"
    if not vocabulary.is_file() or (directory / "tokenizer.json").is_file():
        return False
    if said.is_file() and "do_lower_case" in json.loads(said.read_text(encoding="utf-8")):
        return False
    if not getattr(tokenizer.backend_tokenizer.normalizer, "lowercase", False):
        return False
    words: list[str] = [word for word in tokenizer.get_vocab() if word.isascii() and word.removeprefix("##").isalpha()]
    capitals = sum(word != word.lower() for word in words)
    return capitals > CASED * len(words)


def _refusal(pretrained: str, place: str, allow_network: bool, error: Exception) -> ConfigError:
    if "trust_remote_code" in str(error):
        return ConfigError(f"model.pretrained={pretrained}: {NO_CODE}")
    if find_spec("sentencepiece") is None and (file := _sentencepiece_file(place, error)):
        return ConfigError(
            f"model.pretrained={pretrained}: its tokenizer ({file}) needs the package sentencepiece, which is not "
            "installed\npip install sentencepiece"
        )
    reason = shown(str(error).replace(":\n", ": ").split("\n")[0], 160)
    if Path(place).is_dir():
        have = {file.name for file in Path(place).iterdir()}
        if have & {"tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "merges.txt"}:
            return ConfigError(
                f"model.pretrained={pretrained}: its tokenizer, or its config.json, cannot be read ({reason})"
            )
        return _no_files(pretrained, place)
    if allow_network:
        return ConfigError(
            f"no tokenizer at model.pretrained={pretrained}: not downloaded ({reason})\n"
            "a mirror is set by the environment variable HF_ENDPOINT, or give a directory with the model's files"
        )
    return ConfigError(
        f"no tokenizer at model.pretrained={pretrained}: not a directory, and not downloaded earlier\n"
        "download it with model.allow_network=true (environment variable HF_ENDPOINT: a mirror of the hub),\n"
        "or give a directory with the model's files"
    )


def _sentencepiece_file(place: str, error: Exception) -> str:
    """Return the file that only the package sentencepiece reads, if that is what was lacking."""
    if Path(place).is_dir():
        has_json = (Path(place) / "tokenizer.json").is_file()
        return "" if has_json else next((file.name for file in sorted(Path(place).glob(SENTENCEPIECE))), "")
    return "a SentencePiece model" if "sentencepiece" in str(error) or "tiktoken" in str(error) else ""


def _no_files(pretrained: str, place: str) -> ConfigError:
    empty = [file.name for file in sorted(Path(place).glob("*vocab*")) if file.is_file() and not file.stat().st_size]
    why = f"{empty[0]} is empty" if empty else f"{place} has no tokenizer.json, vocab.txt or the like"
    return ConfigError(
        f"no tokenizer at model.pretrained={pretrained}: {why}\n"
        "copy it there, or name a directory that has one: data.preprocess.pretrained=DIR"
    )


def _maker(tokenizer: Any, n_positions: int | None, notes: list[str]) -> TokenMaker:
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    stand_ins = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, 0)
    pad_id = next(token for token in stand_ins if token is not None)
    empty_id = next(token for token in (tokenizer.unk_token_id, tokenizer.eos_token_id, pad_id) if token is not None)
    limits = [n for n in (tokenizer.model_max_length, n_positions) if n is not None and 0 < n < 1_000_000]
    maker = TokenMaker(
        backend,
        pad_id,
        empty_id,
        cut_left=tokenizer.truncation_side == "left",
        has_types="token_type_ids" in tokenizer.model_input_names,
        class_token=_class_token(tokenizer),
        limit=int(min(limits)) if limits else None,
        notes=tuple(notes),
    )
    if tokenizer.pad_token_id is not None:
        return maker
    token = backend.id_to_token(pad_id)
    return replace(maker, notes=(*notes, f"the tokenizer has no padding token: '{token}' fills short rows, masked"))


def _class_token(tokenizer: Any) -> ClassToken:
    """Return where the class token stands: XLNet's at the end; a token that begins every text counts as one."""
    encoded = tokenizer.backend_tokenizer.encode("a")
    ids, special = encoded.ids, encoded.special_tokens_mask
    if tokenizer.cls_token_id in ids:
        return "last" if tokenizer.cls_token_id == ids[-1] and ids[0] != ids[-1] else "first"
    return "first" if ids and special[0] and len(ids) > 1 else "none"


def _positions(place: str, found: ModelConfig | None, allow_network: bool) -> int | None:
    """Return the most tokens the tokenizer's model reads, asked of the model itself, built without memory."""
    import torch
    from transformers import AutoConfig, AutoModel

    auto: Any = AutoModel  # without types
    try:
        with quiet(), torch.device("meta"):
            config = (
                AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=not allow_network)
                if found is None
                else transformers_config(found)
            )
            return max_positions(auto.from_config(config, trust_remote_code=False), config)
    except Exception:  # a tokenizer without a model next to it, or one that is refused when it is built for training
        return None
