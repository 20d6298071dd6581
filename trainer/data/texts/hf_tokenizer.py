"""A pretrained tokenizer: found and loaded without running foreign code, saved as plain values, applied to texts."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Texts
from trainer.errors import ConfigError, shown
from trainer.system.transformers_quiet import max_positions, quiet

CHUNK_TEXTS = 1_000
SETTINGS = ("pad_id", "empty_id", "cut_left", "has_types")  # of a TokenMaker, besides the tokenizer
NO_CODE = (
    "its tokenizer is program code of its own, which is never run: use a model whose tokenizer is a tokenizer.json"
)
Lengths = NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """Token ids of N texts, stored end to end, special tokens included.

    Attributes:
        tokens_T: int32.
        types_T: uint8, 1 for the second text of a pair, or None where the tokenizer makes no types.
        offsets: (N + 1,) where each text starts; the last entry is T.
        full_lengths_N: tokens of each text before it was cut.
    """

    tokens_T: NDArray[np.int32]
    types_T: NDArray[np.uint8] | None
    offsets: NDArray[np.int64]
    full_lengths_N: Lengths


@dataclass(frozen=True)
class TokenMaker:
    """A pretrained tokenizer and how its model wants the rows.

    Attributes:
        backend: the ``tokenizers.Tokenizer``.
        pad_id: fills short rows, on the right whatever the tokenizer does: positions count from a row's first token.
        empty_id: stands for a text that has no token at all.
        cut_left: whether long texts lose their beginning.
        has_types: whether the model reads ``token_type_ids``.
        limit: most tokens the model reads, or None where nothing says so.
        notes: what a person should know about it.
    """

    backend: Any
    pad_id: int
    empty_id: int
    cut_left: bool
    has_types: bool
    limit: int | None = None
    notes: tuple[str, ...] = ()

    def encode(self, texts: Texts, choose: Callable[[Lengths], int], track: ShowProgress = no_progress) -> Tokens:
        """Tokenise every text (pair) once, and those that are too long again, cut as the tokenizer cuts.

        Args:
            texts: N of them.
            choose: given the lengths (N,), returns how many tokens of a row are kept.
            track: shows the progress.
        """
        rows = list(self._encoded(texts, np.arange(len(texts.texts)), track, "tokenising"))
        lengths_N = np.array([len(tokens) for tokens, _ in rows], dtype=np.int32)
        max_length = choose(lengths_N)
        too_long = np.flatnonzero(lengths_N > max_length)
        with self._cutting(max_length):
            for row, cut in zip(too_long, self._encoded(texts, too_long, track, "cutting long texts"), strict=True):
                rows[row] = cut
        offsets = np.concatenate([[0], np.cumsum([len(tokens) for tokens, _ in rows])]).astype(np.int64)
        types_T = np.concatenate([types for _, types in rows]) if self.has_types else None
        return Tokens(np.concatenate([tokens for tokens, _ in rows]), types_T, offsets, lengths_N)

    def _encoded(
        self, texts: Texts, rows: NDArray[np.int64], track: ShowProgress, doing: str
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.uint8]]]:
        chunks = [rows[start : start + CHUNK_TEXTS] for start in range(0, len(rows), CHUNK_TEXTS)]
        for chunk in track(chunks, doing, len(chunks)):
            for encoded in self.backend.encode_batch_fast(_given(texts, chunk)):
                tokens = np.array(encoded.ids or [self.empty_id], dtype=np.int32)
                yield tokens, np.array(encoded.type_ids or [0], dtype=np.uint8)

    @contextmanager
    def _cutting(self, max_length: int) -> Iterator[None]:
        direction = "left" if self.cut_left else "right"
        self.backend.enable_truncation(max_length, strategy="longest_first", direction=direction)
        try:
            yield
        finally:
            self.backend.no_truncation()

    def shortest(self, paired: bool) -> int:
        """Return the fewest tokens a row can be cut to: its special tokens and one more per text."""
        return int(self.backend.num_special_tokens_to_add(paired)) + 1 + paired

    @property
    def vocab_size(self) -> int:
        """Tokens known, added ones included."""
        return int(self.backend.get_vocab_size())

    def sha256(self) -> str:
        """Return what identifies the ids it makes."""
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same tokenizer."""
        return {**{name: getattr(self, name) for name in SETTINGS}, "tokenizer": self.backend.to_str()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "TokenMaker":
        """Rebuild the tokenizer from ``to_json``."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_str(saved["tokenizer"]), **{name: saved[name] for name in SETTINGS})


def _given(texts: Texts, rows: NDArray[np.int64]) -> Sequence[str | tuple[str, str]]:
    if texts.pairs is None:
        return [texts.texts[row] for row in rows]
    return [(texts.texts[row], texts.pairs[row]) for row in rows]


def load_tokenizer(pretrained: str, allow_network: bool) -> TokenMaker:
    """Load the tokenizer of a pretrained model.

    Args:
        pretrained: a directory, the config.json in it, or a name on the Hugging Face hub.
        allow_network: whether it may be downloaded; without it nothing but local files is read.

    Raises:
        ConfigError: there is none, or it would run foreign code.
    """
    from transformers import AutoTokenizer

    place = _place(pretrained)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                place, use_fast=True, trust_remote_code=False, local_files_only=not allow_network
            )
    except Exception as error:  # damaged files raise anything
        raise _refusal(pretrained, place, allow_network, error) from error
    if not tokenizer.is_fast:
        raise ConfigError(
            f"model.pretrained={pretrained}: {type(tokenizer).__name__} has no fast version\n{_SAVE_FAST}"
        )
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # made up from config.json alone
        raise _no_files(pretrained, place)
    return _maker(tokenizer, _positions(place, allow_network))


_SAVE_FAST = "only tokenizers with a tokenizer.json work (or that transformers can turn into one)"


def _place(pretrained: str) -> str:
    if not pretrained.strip():
        raise ConfigError("model.pretrained is empty: give the directory or the hub name of a model with a tokenizer")
    path = Path(pretrained).expanduser()
    if path.is_dir():
        return str(path)
    if path.is_file():
        if path.suffix != ".json":
            raise ConfigError(f"model.pretrained={pretrained}: give the directory of the model, or its config.json")
        return str(path.parent)
    if path.is_absolute() or pretrained.startswith(("./", "../", "~")) or pretrained.count("/") > 1:
        raise ConfigError(f"model.pretrained={pretrained}: there is no such directory")
    return pretrained


def _refusal(pretrained: str, place: str, allow_network: bool, error: Exception) -> ConfigError:
    if "trust_remote_code" in str(error):
        return ConfigError(f"model.pretrained={pretrained}: {NO_CODE}")
    reason = shown(str(error).replace(":\n", ": ").split("\n")[0], 160)
    if Path(place).is_dir():
        have = {file.name for file in Path(place).iterdir()}
        if have & {"tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "merges.txt"}:
            return ConfigError(
                f"model.pretrained={pretrained}: its tokenizer, or the config.json beside it, cannot be read ({reason})"
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


def _no_files(pretrained: str, place: str) -> ConfigError:
    return ConfigError(
        f"no tokenizer at model.pretrained={pretrained}: {place} has no tokenizer.json, vocab.txt or the like\n"
        "copy it there, or name a directory that has one: data.preprocess.pretrained=DIR"
    )


def _maker(tokenizer: Any, n_positions: int | None) -> TokenMaker:
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
        limit=int(min(limits)) if limits else None,
    )
    if tokenizer.pad_token_id is not None:
        return maker
    token = backend.id_to_token(pad_id)
    return replace(maker, notes=(f"the tokenizer has no padding token: '{token}' fills short rows, masked",))


def _positions(place: str, allow_network: bool) -> int | None:
    """Return the most tokens the model beside the tokenizer reads, asked of the model itself, built without memory."""
    import torch
    from transformers import AutoConfig, AutoModel

    auto: Any = AutoModel  # without types
    try:
        with quiet(), torch.device("meta"):
            config = AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=not allow_network)
            return max_positions(auto.from_config(config, trust_remote_code=False), config)
    except Exception:  # a tokenizer without a model beside it, or one that is refused when it is built for training
        return None
