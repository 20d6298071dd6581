"""The tokens of a text in words for people: put together they are the text."""

from collections.abc import Sequence
from typing import Any

from trainer.data.samples import Texts
from trainer.data.texts.words import NumberedWords

FIRST_WITHOUT_SPACES = 0x2E80  # CJK and what comes after: no spaces between words
NO_WORD = "[UNK]"  # stands for an empty text


def special_ids(fitted: Any) -> set[int]:
    """Return the ids that a pretrained tokenizer adds to every text; none of a vocabulary."""
    maker = getattr(fitted, "maker", None)
    return set() if maker is None else set(maker.backend.encode("").ids)


def token_words(fitted: Any, prepared: Any, texts: Any, row: int, ids: Sequence[int]) -> tuple[str, ...]:
    """Return the tokens of a row as they stand in the text, each with the space before it.

    Args:
        fitted: preprocessing of a fold.
        prepared: the rows, split into words where it is a vocabulary.
        texts: the rows as read.
        row: number of it.
        ids: its tokens.
    """
    if isinstance(prepared, NumberedWords):
        tokens_T = prepared.tokens_T[prepared.offsets[row] : prepared.offsets[row + 1]][: len(ids)]
        words = [prepared.words[token] for token in tokens_T.tolist()] or [NO_WORD]
        return tuple(_spaced(word, first=not place) for place, word in enumerate(words))
    maker = getattr(fitted, "maker", None)
    if maker is None:
        return tuple(f" {one}" for one in ids)
    if isinstance(texts, Texts) and texts.pairs is None:
        text = texts.texts[row]
        encoded = maker.backend.encode(text)
        if list(encoded.ids) == list(ids):
            return _slices(text, encoded)
    return tuple(f" {maker.backend.id_to_token(one)}" for one in ids)


def _slices(text: str, encoded: Any) -> tuple[str, ...]:
    """Return the piece of the text of each token, from where the one before it ends; special tokens by name."""
    words, end = list[str](), 0
    for token, (start, stop) in zip(encoded.tokens, encoded.offsets, strict=True):
        words.append(text[min(end, start) : stop] if stop > start else f" {token} ")
        end = max(end, stop)
    return tuple(words)


def _spaced(word: str, *, first: bool) -> str:
    return word if first or ord(word[0]) >= FIRST_WITHOUT_SPACES else f" {word}"
