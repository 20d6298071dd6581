"""From texts as read to token ids; the vocabulary is built from the fold's training rows only."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.batches import TokenRows
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Inputs, Texts
from trainer.data.texts.known_tokens import mostly_unknown
from trainer.data.texts.words import NumberedWords, Unit, split_words
from trainer.errors import ConfigError

PAD, UNKNOWN = 0, 1  # token ids
SPECIAL_TOKENS = ("[PAD]", "[UNK]")
NOT_TEXTS = "data.preprocess: TextVocabulary is for texts; for feature columns use data/preprocess=table"


class TextVocabulary:
    """Words (Chinese: characters) or characters as numbers, the vocabulary built from the training rows.

    The texts are split once per run; each fold counts numbers. The two texts of a pair become one, ``[SEP]`` between
    them, which is a word like any other.

    Args:
        lowercase: whether case is ignored.
        max_length: tokens kept per text.
        vocab_size: most frequent words kept, padding and unknown included.
        min_frequency: words that occur less often are unknown.
        unit: words, or characters of every script.
    """

    def __init__(
        self,
        lowercase: bool = True,
        max_length: int = 512,
        *,
        vocab_size: int = 50_000,
        min_frequency: int = 1,
        unit: Unit = "words",
    ) -> None:
        problems = [
            f"data.preprocess.{name}={value}: must be at least {least}"
            for name, value, least in (
                ("max_length", max_length, 1),
                ("vocab_size", vocab_size, 3),
                ("min_frequency", min_frequency, 1),
            )
            if value < least
        ]
        if problems:
            raise ConfigError.from_problems(problems)
        self.lowercase = lowercase
        self.max_length = max_length
        self.vocab_size = vocab_size
        self.min_frequency = min_frequency
        self.unit = unit

    def prepare(self, inputs: Inputs, track: ShowProgress = no_progress) -> NumberedWords:
        """Split every text.

        Raises:
            ConfigError: the inputs are no texts.
        """
        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        return split_words(inputs, self.lowercase, self.unit, track)

    def fit(self, inputs: NumberedWords | Inputs, train_rows: NDArray[np.int64]) -> "FittedVocabulary":
        """Keep the most frequent words of the training rows; among equals, the first by code points.

        Raises:
            ConfigError: the inputs are no texts.
        """
        split = inputs if isinstance(inputs, NumberedWords) else self.prepare(inputs)
        counts_W = split.counts_W(train_rows)
        by_count = np.argsort(-counts_W, kind="stable")
        n_kept = min(int((counts_W >= self.min_frequency).sum()), self.vocab_size - len(SPECIAL_TOKENS))
        words = (split.words[place] for place in by_count[:n_kept])
        return FittedVocabulary((*SPECIAL_TOKENS, *words), self.lowercase, self.max_length, self.unit)


class FittedVocabulary:
    """A vocabulary as one fold learnt it.

    Attributes:
        words: by token id; 0 is padding, 1 stands for every unknown word and for an empty text.
        lowercase: whether case is ignored.
        max_length: tokens kept per text.
        unit: words or characters.
        notes: on the texts transformed last: lengths, share of texts cut off and of unknown words.
        n_unknown: of these texts, those of which at least half of the words are unknown.
    """

    def __init__(self, words: Sequence[str], lowercase: bool, max_length: int, unit: Unit = "words") -> None:
        self.words = tuple(words)
        self.lowercase = lowercase
        self.max_length = max_length
        self.unit: Unit = unit
        self.notes: tuple[str, ...] = ()
        self.n_unknown = 0

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The input sizes a model is built with."""
        return {"vocab_size": len(self.words), "pad_id": PAD}

    def prepare(self, inputs: Inputs, track: ShowProgress = no_progress) -> NumberedWords:
        """Split texts other than those it was fitted on; folds that differ by their words alone share the result."""
        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        return split_words(inputs, self.lowercase, self.unit, track)

    def transform(self, inputs: NumberedWords | Inputs) -> TokenRows:
        """Return the token ids of every text, at least one and at most ``max_length`` each.

        Raises:
            ConfigError: the inputs are no texts.
        """
        if isinstance(inputs, Texts):
            inputs = split_words(inputs, self.lowercase, self.unit)
        if not isinstance(inputs, NumberedWords):
            raise ConfigError(NOT_TEXTS)
        lengths_N = inputs.lengths_N
        offsets = np.concatenate([[0], np.cumsum(np.clip(lengths_N, 1, self.max_length))]).astype(np.int64)
        tokens_T, ids_W = np.full(offsets[-1], UNKNOWN, dtype=np.int32), self._ids(inputs)
        for chunk in inputs.chunks():
            first, last = inputs.offsets[chunk.start], inputs.offsets[chunk.stop]
            kept_C = np.arange(first, last) - np.repeat(inputs.offsets[chunk], lengths_N[chunk]) < self.max_length
            filled_C = np.repeat(lengths_N[chunk] > 0, np.diff(offsets[chunk.start : chunk.stop + 1]))
            out_C = tokens_T[offsets[chunk.start] : offsets[chunk.stop]]
            out_C[filled_C] = ids_W[inputs.tokens_T[first:last][kept_C]]
        self.notes = (*self._describe(lengths_N, tokens_T), *inputs.notes)
        self.n_unknown = int((mostly_unknown(tokens_T == UNKNOWN, offsets) & (lengths_N > 0)).sum())
        return TokenRows(tokens_T, offsets, pad_id=PAD)

    def _ids(self, inputs: NumberedWords) -> NDArray[np.int32]:
        ids = {word: place for place, word in enumerate(self.words) if place >= len(SPECIAL_TOKENS)}
        return np.fromiter((ids.get(word, UNKNOWN) for word in inputs.words), dtype=np.int32, count=len(inputs.words))

    def _describe(self, lengths_N: NDArray[np.int64], tokens_T: NDArray[np.int32]) -> tuple[str, ...]:
        cut = float((lengths_N > self.max_length).mean()) if len(lengths_N) else 0.0
        unknown = float((tokens_T == UNKNOWN).mean()) if len(tokens_T) else 0.0
        notes = [f"vocabulary: {len(self.words)} {self.unit}; {unknown:.1%} of all tokens unknown"]
        if cut:
            notes.append(f"{cut:.1%} of the texts cut off at {self.max_length} tokens (data.preprocess.max_length)")
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        words = {"words": list(self.words), "lowercase": self.lowercase, "max_length": self.max_length}
        return {**words, "unit": self.unit}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedVocabulary":
        """Rebuild the transform from ``to_json``."""
        return cls(saved["words"], saved["lowercase"], saved["max_length"], saved.get("unit", "words"))
