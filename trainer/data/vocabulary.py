"""From texts as read to token ids; the vocabulary is built from the fold's training rows only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.errors import ConfigError
from trainer.data.batches import TokenRows
from trainer.data.samples import Inputs, Texts

PAD, UNKNOWN = 0, 1  # token ids
SPECIAL_TOKENS = ("[PAD]", "[UNK]")
CHUNK_TEXTS = 1_000
NOT_TEXTS = (
    "data.preprocess: TextVocabulary is for texts; for feature columns use trainer.data.preprocess.TablePreprocess"
)


class TextVocabulary:
    """Words (Chinese: characters) as numbers, the vocabulary built from the training rows.

    Args:
        lowercase: whether case is ignored.
        max_length: tokens kept per text.
        vocab_size: most frequent words kept, padding and unknown included.
        min_frequency: words that occur less often are unknown.
    """

    def __init__(
        self,
        lowercase: bool = True,
        max_length: int = 512,
        *,
        vocab_size: int = 50_000,
        min_frequency: int = 1,
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

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedVocabulary":
        """Count the words of the training rows.

        Raises:
            ConfigError: the inputs are no texts.
        """
        from tokenizers import trainers

        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        tokenizer = _word_tokenizer({}, self.lowercase)
        trainer = trainers.WordLevelTrainer(
            vocab_size=self.vocab_size - len(SPECIAL_TOKENS),
            min_frequency=self.min_frequency,
            show_progress=False,
        )
        tokenizer.train_from_iterator((inputs.texts[row] for row in train_rows), trainer)
        vocabulary = tokenizer.get_vocab()
        words = sorted(vocabulary, key=lambda word: int(vocabulary[word]))
        return FittedVocabulary((*SPECIAL_TOKENS, *words), self.lowercase, self.max_length)


def _word_tokenizer(ids: dict[str, int], lowercase: bool) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL_TOKENS[UNKNOWN]))
    tokenizer.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=True, lowercase=lowercase, strip_accents=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


class FittedVocabulary:
    """A vocabulary as one fold learnt it.

    Attributes:
        words: by token id; 0 is padding, 1 stands for every unknown word and for an empty text.
        lowercase: whether case is ignored.
        max_length: tokens kept per text.
        notes: on the texts transformed last: share of texts cut off and of unknown words.
    """

    def __init__(self, words: Sequence[str], lowercase: bool, max_length: int) -> None:
        self.words = tuple(words)
        self.lowercase = lowercase
        self.max_length = max_length
        self.notes: tuple[str, ...] = ()
        self._tokenizer = _word_tokenizer({word: place for place, word in enumerate(words)}, lowercase)

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The input sizes a model is built with."""
        return {"vocab_size": len(self.words), "pad_id": PAD}

    def transform(self, inputs: Inputs) -> TokenRows:
        """Return the token ids of every text, at least one and at most ``max_length`` each.

        Raises:
            ConfigError: the inputs are no texts.
        """
        if not isinstance(inputs, Texts):
            raise ConfigError(NOT_TEXTS)
        ids = list(self._token_ids(inputs.texts))
        lengths_N = np.array([len(row) for row in ids], dtype=np.int64)
        kept = [row[: self.max_length] or [UNKNOWN] for row in ids]
        tokens_T = np.fromiter((token for row in kept for token in row), dtype=np.int32)
        offsets = np.concatenate([[0], np.cumsum(np.clip(lengths_N, 1, self.max_length))]).astype(np.int64)
        self.notes = self._describe(lengths_N, tokens_T)
        return TokenRows(tokens_T, offsets, pad_id=PAD)

    def _token_ids(self, texts: Sequence[str]) -> Iterator[list[int]]:
        for start in range(0, len(texts), CHUNK_TEXTS):
            for encoding in self._tokenizer.encode_batch_fast(list(texts[start : start + CHUNK_TEXTS])):
                yield encoding.ids

    def _describe(self, lengths_N: NDArray[np.int64], tokens_T: NDArray[np.int32]) -> tuple[str, ...]:
        cut = float((lengths_N > self.max_length).mean()) if len(lengths_N) else 0.0
        unknown = float((tokens_T == UNKNOWN).mean()) if len(tokens_T) else 0.0
        notes = [f"vocabulary: {len(self.words)} words; {unknown:.1%} of all tokens unknown"]
        if cut:
            notes.append(f"{cut:.1%} of the texts cut off at {self.max_length} tokens (data.preprocess.max_length)")
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        return {"words": list(self.words), "lowercase": self.lowercase, "max_length": self.max_length}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedVocabulary":
        """Rebuild the transform from ``to_json``."""
        return cls(saved["words"], saved["lowercase"], saved["max_length"])
