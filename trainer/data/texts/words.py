"""Texts as numbered words (Chinese: characters) or as characters, before any vocabulary is chosen."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Texts
from trainer.data.texts.lengths import character_note, length_note

Unit = Literal["words", "characters"]
UNITS: tuple[Unit, ...] = ("words", "characters")
SEPARATOR = "[SEP]"  # between the two texts of a pair; no text holds it as one word
CHUNK_TEXTS = 1_000
CHUNK_TOKENS = 1 << 20  # handled at a time

LETTERS = "\u00c0-\u024f\u0400-\u04ff\u3041-\u3096\u30a1-\u30fa\u30fc"  # Latin, Cyrillic, kana: parts of words
HAN = "\u4e00-\u9fff"  # each a word
MARKS = (  # likewise: those of ASCII, quotation marks and dashes, those of Chinese
    "!-/:-@\\[-`{-~"
    "\u00a1\u00ab\u00bb\u00bf\u2013\u2014\u2018\u2019\u201c\u201d\u2026"
    "\u3001\u3002\u300a\u300b\u3010\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f"
)
COMMON = re.compile(rf"[\x00-\x7f{LETTERS}{HAN}{MARKS}]*")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
WORD = re.compile(rf"[^\s{HAN}{MARKS}]+|[{HAN}{MARKS}]")


@dataclass(frozen=True)
class NumberedWords:
    """Texts split into words, stored end to end.

    Attributes:
        words: the W distinct words, in the order of their code points.
        tokens_T: int32, place of each word in ``words``.
        offsets: (N + 1,) where each text starts; the last entry is T.
        notes: how long the texts are.
    """

    words: tuple[str, ...]
    tokens_T: NDArray[np.int32]
    offsets: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def lengths_N(self) -> NDArray[np.int64]:
        """Words per text."""
        return np.diff(self.offsets)

    def counts_W(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count each word in the texts of ``rows``."""
        times_N = np.bincount(rows, minlength=len(self.offsets) - 1)
        counts_W = np.zeros(len(self.words), dtype=np.int64)
        for chunk in self.chunks():
            times_C = np.repeat(times_N[chunk], self.lengths_N[chunk]).astype(np.float64)
            tokens_C = self.tokens_T[self.offsets[chunk.start] : self.offsets[chunk.stop]]
            counts_W += np.bincount(tokens_C, weights=times_C, minlength=len(self.words)).astype(np.int64)
        return counts_W

    def chunks(self) -> Iterator[slice]:
        """Yield texts of about ``CHUNK_TOKENS`` tokens in all, at least one, in order."""
        start, n_texts = 0, len(self.offsets) - 1
        while start < n_texts:
            fit = int(np.searchsorted(self.offsets, self.offsets[start] + CHUNK_TOKENS, side="right")) - 1
            end = min(max(fit, start + 1), n_texts)
            yield slice(start, end)
            start = end


def split_words(texts: Texts, lowercase: bool, unit: Unit, track: ShowProgress = no_progress) -> NumberedWords:
    """Split every text; the two texts of a pair are joined by ``SEPARATOR``.

    Args:
        texts: N of them.
        lowercase: whether case is ignored.
        unit: words (a Chinese character is a word) or characters of every script, a stretch of white space being one.
        track: shows the progress.
    """
    everything = [*texts.texts, *(texts.pairs or ())]
    words, tokens_T, offsets = _numbered(everything, lowercase, unit, track)
    if texts.pairs is not None:
        words, tokens_T, offsets = _joined(words, tokens_T, offsets)
    lengths = length_note(np.diff(offsets), "tokens")
    return NumberedWords(words, tokens_T, offsets, (character_note(texts.texts, texts.pairs), lengths))


def _numbered(
    texts: Sequence[str], lowercase: bool, unit: Unit, track: ShowProgress
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int64]]:
    """Number the words as they come, then in their order."""
    split, numbers = text_splitter(lowercase, unit), defaultdict[str, int](count().__next__)
    chunks = [texts[start : start + CHUNK_TEXTS] for start in range(0, len(texts), CHUNK_TEXTS)]
    parts, lengths_N = [np.zeros(0, np.int32)], np.zeros(len(texts), dtype=np.int64)
    for place, chunk in enumerate(track(chunks, "splitting texts", len(chunks))):
        rows = [split(text) for text in chunk]
        lengths_N[place * CHUNK_TEXTS : (place + 1) * CHUNK_TEXTS] = [len(row) for row in rows]
        parts.append(np.fromiter(map(numbers.__getitem__, chain.from_iterable(rows)), dtype=np.int32))
    words = tuple(sorted(numbers))
    place_W = np.empty(len(words), dtype=np.int32)
    place_W[[numbers[word] for word in words]] = np.arange(len(words))
    return words, place_W[np.concatenate(parts)], np.concatenate([[0], np.cumsum(lengths_N)]).astype(np.int64)


def text_splitter(lowercase: bool, unit: Unit) -> Callable[[str], list[str]]:
    """Return what splits a text as ``word_tokenizer`` does; texts of nothing but common characters without it.

    Those take a tenth of the time. ``COMMON`` has characters of which Python and ``tokenizers`` are known to agree.
    """
    normalizer, pre_tokenizer = _splitting(lowercase, unit)

    def split(text: str) -> list[str]:
        if not (text.isascii() or COMMON.fullmatch(text)):
            return [word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]
        plain = CONTROLS.sub("", text)
        plain = plain.lower() if lowercase else plain
        return WORD.findall(plain) if unit == "words" else list(" ".join(plain.split()))

    return split


def word_tokenizer(words: Mapping[str, int], lowercase: bool, unit: Unit, *, unknown: str = "") -> Any:
    """Return the ``tokenizers.Tokenizer`` that splits as all of this does.

    Args:
        words: their numbers.
        lowercase: whether case is ignored.
        unit: words or characters.
        unknown: the one of them that stands for all others; none = these are left out.
    """
    from tokenizers import Tokenizer, models

    tokenizer = Tokenizer(models.WordLevel(dict(words), unk_token=unknown))
    tokenizer.normalizer, tokenizer.pre_tokenizer = _splitting(lowercase, unit)
    return tokenizer


def _splitting(lowercase: bool, unit: Unit) -> tuple[Any, Any]:
    from tokenizers import Regex, normalizers, pre_tokenizers

    cleaned = normalizers.BertNormalizer(handle_chinese_chars=unit == "words", lowercase=lowercase, strip_accents=False)
    if unit == "words":
        return cleaned, pre_tokenizers.BertPreTokenizer()
    one_space = normalizers.Replace(Regex(r"\s+"), " ")
    every_character = pre_tokenizers.Split(Regex("."), "isolated")
    return normalizers.Sequence([cleaned, one_space, normalizers.Strip()]), every_character


def _joined(
    words: tuple[str, ...], tokens_T: NDArray[np.int32], offsets: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int64]]:
    """Join text n with text N + n, the separator between them."""
    with_separator = tuple(sorted((*words, SEPARATOR)))
    separator = with_separator.index(SEPARATOR)
    tokens_T = tokens_T + (tokens_T >= separator).astype(np.int32)
    first, second = np.split(np.diff(offsets), 2)
    n_first = offsets[len(first)]
    lengths_N = first + 1 + second
    joined_offsets = np.concatenate([[0], np.cumsum(lengths_N)])
    places_T = np.arange(joined_offsets[-1]) - np.repeat(joined_offsets[:-1], lengths_N)
    first_T = np.repeat(first, lengths_N)
    resume_plan = np.full(joined_offsets[-1], separator, dtype=np.int32)
    resume_plan[places_T < first_T] = tokens_T[:n_first]
    resume_plan[places_T > first_T] = tokens_T[n_first:]
    return with_separator, resume_plan, joined_offsets
