"""From texts as read to the rows a pretrained model reads: tokenised once, for all folds and later runs."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.array_cache import Arrays, kept_arrays
from trainer.data.loading.batches import TokenRows
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Inputs, Texts
from trainer.data.texts import hf_tokenizer
from trainer.data.texts.hf_tokenizer import Lengths, TokenMaker, Tokens
from trainer.data.texts.known_tokens import mostly_unknown, unknown_note
from trainer.data.texts.lengths import character_note, cut_note, length_note
from trainer.data.texts.load_tokenizer import load_tokenizer, trained_length_note
from trainer.errors import ConfigError
from trainer.system.paths import PathText

USUAL_LIMIT = 512  # tokens, where the model does not say how many it reads
NOT_TEXTS = (
    "data.preprocess: PretrainedTokenizer, which model=transformer brings, is for texts\n"
    "for tables use model=mlp, for images model=image_cnn"
)


@dataclass(frozen=True)
class TokenisedTexts:
    """All texts as the pretrained model reads them.

    Attributes:
        tokens: of every text, cut.
        max_length: most tokens per row, special tokens included.
        notes: on lengths, on what was cut, and on where the tokens are kept.
    """

    tokens: Tokens
    max_length: int
    notes: tuple[str, ...]


class PretrainedTokenizer:
    """The tokenizer of a pretrained model; nothing is learnt from the training rows.

    Args:
        pretrained: a directory, the config.json in it, or a name on the Hugging Face hub.
        max_length: most tokens per row, special tokens included; auto = the shortest multiple of 8 that cuts at most
            ``share_cut`` of the texts, and no more than the model reads.
        share_cut: share of the texts that auto may cut.
        allow_network: whether the tokenizer may be downloaded.
        cache_dir: where tokens are kept for later runs; None = in memory only.
    """

    def __init__(
        self,
        pretrained: PathText,
        max_length: int | Literal["auto"] = "auto",
        *,
        share_cut: float = 0.02,
        allow_network: bool,
        cache_dir: Path | None = None,
    ) -> None:
        problems = []
        if isinstance(max_length, int) and max_length < 1:
            problems.append(f"data.preprocess.max_length={max_length}: must be at least 1, or auto")
        if not 0 <= share_cut < 1:
            problems.append(f"data.preprocess.share_cut={share_cut}: must be at least 0 and less than 1")
        if problems:
            raise ConfigError.from_problems(problems)
        self.pretrained = pretrained
        self.max_length = max_length
        self.share_cut = share_cut
        self.allow_network = allow_network
        self.cache_dir = cache_dir

    @cached_property
    def maker(self) -> TokenMaker:
        """The tokenizer itself, loaded when first used."""
        return load_tokenizer(self.pretrained, self.allow_network)

    def content_sha256(self) -> str:
        """Return the sha256 of the tokenizer, wherever it lies."""
        return self.maker.sha256()

    def prepare(self, inputs: Inputs, track: ShowProgress = no_progress) -> TokenisedTexts:
        """Tokenise every text, or read its tokens from an earlier run.

        Raises:
            ConfigError: the inputs are no texts, there is no tokenizer, or the model reads fewer tokens than asked for.
        """
        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        self._check_length(paired=inputs.pairs is not None)

        def make() -> Arrays:
            return _as_arrays(self.maker.encode(inputs, self._choose, track))

        arrays, kept = kept_arrays(self._directory(inputs), make)
        tokens = _as_tokens(arrays)
        unknown = unknown_note(self.pretrained, self.maker, inputs, tokens)
        max_length = self._choose(tokens.full_lengths_N)
        notes = (
            character_note(inputs.texts, inputs.pairs),
            length_note(tokens.full_lengths_N, "tokens"),
            cut_note(tokens.full_lengths_N, max_length, self._how(max_length)),
            trained_length_note(self.pretrained, max_length),
            unknown,
            *self.maker.notes,
            kept,
        )
        return TokenisedTexts(tokens, max_length, tuple(note for note in notes if note))

    def fit(self, inputs: TokenisedTexts | Inputs, train_rows: NDArray[np.int64]) -> "FittedTokenizer":
        """Take the tokenizer as it is.

        Raises:
            ConfigError: as ``prepare`` does.
        """
        tokenised = inputs if isinstance(inputs, TokenisedTexts) else self.prepare(inputs)
        return FittedTokenizer(self.maker, tokenised.max_length, self.pretrained)

    def _check_length(self, paired: bool) -> None:
        limit, shortest = self.maker.limit, self.maker.shortest(paired)
        if self.max_length == "auto":
            return
        if limit is not None and self.max_length > limit:
            raise ConfigError(
                f"data.preprocess.max_length={self.max_length}: {self.pretrained} reads at most {limit} tokens"
            )
        if self.max_length < shortest:
            raise ConfigError(
                f"data.preprocess.max_length={self.max_length}: must be at least {shortest} (special tokens and text)"
            )

    def _choose(self, full_lengths_N: Lengths) -> int:
        """Return how many tokens of a row are kept."""
        if self.max_length != "auto":
            return self.max_length
        n_cut = int(self.share_cut * len(full_lengths_N) + 1e-9)
        longest_whole = int(np.sort(full_lengths_N)[::-1][n_cut])
        return min(-(-longest_whole // 8) * 8, self.maker.limit or USUAL_LIMIT)

    def _how(self, max_length: int) -> str:
        if self.max_length != "auto":
            return ""
        return " (auto, all the model reads)" if max_length == self.maker.limit else " (auto)"

    def _directory(self, texts: Texts) -> Path | None:
        if self.cache_dir is None:
            return None
        setting = f"{self.max_length} {self.share_cut} {self.maker.limit}"
        code = hashlib.sha256(Path(hf_tokenizer.__file__).read_bytes()).hexdigest()
        made_by = f"{version('tokenizers')} {code} {self.maker.sha256()}"
        digest = hashlib.sha256(f"{made_by} {setting} {texts.pairs is not None} ".encode())
        for column in (texts.texts, texts.pairs or ()):
            digest.update(np.array([len(text) for text in column], dtype="<i8").tobytes())
            digest.update("".join(column).encode("utf-8", "surrogatepass"))
        return self.cache_dir / "tokens" / digest.hexdigest()[:32]


def _as_arrays(tokens: Tokens) -> Arrays:
    types = {} if tokens.types_T is None else {"types": tokens.types_T}
    return {"tokens": tokens.tokens_T, "offsets": tokens.offsets, "full_lengths": tokens.full_lengths_N, **types}


def _as_tokens(arrays: Arrays) -> Tokens:
    return Tokens(arrays["tokens"], arrays.get("types"), arrays["offsets"], arrays["full_lengths"])


class FittedTokenizer:
    """A pretrained tokenizer with its length.

    Attributes:
        maker: the tokenizer.
        max_length: most tokens per row.
        pretrained: where the tokenizer came from.
        notes: on the texts transformed last.
        n_unknown: of new ones, those of which at least half of the tokens are unknown.
    """

    def __init__(self, maker: TokenMaker, max_length: int, pretrained: str) -> None:
        self.maker = maker
        self.max_length = max_length
        self.pretrained = pretrained
        self.notes: tuple[str, ...] = ()
        self.n_unknown = 0

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The input sizes a model is built with."""
        maker = self.maker
        sizes = {"vocab_size": maker.vocab_size, "pad_id": maker.pad_id, "max_length": self.max_length}
        return {**sizes, "class_token": maker.class_token}

    def transform(self, inputs: TokenisedTexts | Inputs) -> TokenRows:
        """Return rows of ``input_ids``, ``attention_mask`` and, where the model reads them, ``token_type_ids``.

        Raises:
            ConfigError: the inputs are no texts.
        """
        tokens = self._tokenised(inputs)
        return TokenRows(
            tokens.tokens_T, tokens.offsets, self.maker.pad_id, name="input_ids", types=tokens.types_T, mask=True
        )

    def _tokenised(self, inputs: TokenisedTexts | Inputs) -> Tokens:
        if isinstance(inputs, TokenisedTexts):
            self.notes = inputs.notes
            return inputs.tokens
        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        tokens = self.maker.encode(inputs, lambda _: self.max_length)
        self.n_unknown = int(mostly_unknown(tokens.tokens_T == self.maker.empty_id, tokens.offsets).sum())
        self.notes = (length_note(tokens.full_lengths_N, "tokens"), cut_note(tokens.full_lengths_N, self.max_length))
        return tokens

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform.

        A large tokenizer is not in them: it is read again from where it came from, and must be the same.
        """
        about = {"pretrained": self.pretrained, "max_length": self.max_length, "sha256": self.maker.sha256()}
        return {**about, **({"maker": self.maker.to_json()} if self.maker.is_small else {})}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedTokenizer":
        """Rebuild the transform from ``to_json``.

        Raises:
            ConfigError: a tokenizer that was too large to be saved is not where it was, or is another one.
        """
        name = saved["pretrained"]
        maker = TokenMaker.from_json(saved["maker"]) if "maker" in saved else load_tokenizer(name, allow_network=False)
        if maker.sha256() != saved["sha256"]:
            raise ConfigError(f"the tokenizer at {name} is not the one the model was trained with")
        return cls(maker, saved["max_length"], name)
