"""A pretrained tokenizer as plain values, applied to texts."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Texts

CHUNK_TEXTS = 1_000
SMALL_CHARACTERS = 4 * 2**20  # a tokenizer up to this size is kept with each fold
SETTINGS = ("pad_id", "empty_id", "cut_left", "has_types")  # of a TokenMaker, besides the tokenizer: they make the rows
Lengths = NDArray[np.int32]
ClassToken = Literal["first", "last", "none"]


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
        class_token: where in a row the token stands whose vector is for the whole text; the model pools it.
        limit: most tokens the model reads, or None where nothing says so.
        notes: what a person should know about it.
    """

    backend: Any
    pad_id: int
    empty_id: int
    cut_left: bool
    has_types: bool
    class_token: ClassToken = "first"
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

    def encode_one(self, texts: Texts, row: int, max_length: int) -> Any:
        """Return the ``tokenizers.Encoding`` of one text (pair), cut to so many tokens where it has more."""
        given = _given(texts, np.array([row]))[0]
        with self._cutting(max_length):
            return self.backend.encode(*((given,) if isinstance(given, str) else given))

    def unknown_shares(self, texts: Texts) -> NDArray[np.float64]:
        """Return the share of each row's tokens that are unknown (N,), special ones not counted; NaN of empty texts."""
        if not texts.texts:
            return np.zeros(0)
        tokens = self.encode(texts, lambda lengths_N: max(int(lengths_N.max()), 1))
        unknown_N = np.add.reduceat((tokens.tokens_T == self.empty_id).astype(np.int64), tokens.offsets[:-1])
        n_special = int(self.backend.num_special_tokens_to_add(texts.pairs is not None))
        shares_N = np.minimum(unknown_N / np.maximum(np.diff(tokens.offsets) - n_special, 1), 1.0)
        empty_N = np.array([not text.strip() for text in texts.texts])
        return np.where(empty_N, np.nan, shares_N)

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
        return hashlib.sha256(json.dumps(self._row_makers()).encode()).hexdigest()

    @property
    def is_small(self) -> bool:
        """Whether it is kept with each fold; a larger one is kept once for all."""
        return len(self.backend.to_str()) <= SMALL_CHARACTERS

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same tokenizer."""
        return {**self._row_makers(), "class_token": self.class_token}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "TokenMaker":
        """Rebuild the tokenizer from ``to_json``."""
        from tokenizers import Tokenizer

        where: ClassToken = saved.get("class_token", "first")  # as all had it that were saved before it was
        settings = {name: saved[name] for name in SETTINGS}
        return cls(Tokenizer.from_str(saved["tokenizer"]), **settings, class_token=where)

    def _row_makers(self) -> dict[str, Any]:
        """Return everything that decides the rows."""
        return {**{name: getattr(self, name) for name in SETTINGS}, "tokenizer": self.backend.to_str()}


def _given(texts: Texts, rows: NDArray[np.int64]) -> Sequence[str | tuple[str, str]]:
    if texts.pairs is None:
        return [texts.texts[row] for row in rows]
    return [(texts.texts[row], texts.pairs[row]) for row in rows]
