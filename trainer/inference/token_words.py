"""The tokens of a text in words for people: put together they are the text."""

from collections.abc import Sequence
from typing import Any

from trainer.data.samples import Texts
from trainer.data.texts.words import SEPARATOR, NumberedWords

FIRST_WITHOUT_SPACES = 0x2E80  # CJK and what comes after: no spaces between words
NO_WORD = "[UNK]"  # stands for an empty text


def special_ids(fitted: Any) -> set[int]:
    """Return the ids that stand in every text: those a pretrained tokenizer adds, what a vocabulary puts into pairs."""
    maker = getattr(fitted, "maker", None)
    if maker is not None:
        return set(maker.backend.encode("").ids)
    words = getattr(fitted, "words", ())
    return {words.index(SEPARATOR)} if SEPARATOR in words else set()


def token_words(fitted: Any, prepared: Any, texts: Any, row: int, ids: Sequence[int]) -> tuple[str, ...]:
    """Return the tokens of a row as they stand in the text, each with the space before it; nothing of a later byte.

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
        if getattr(fitted, "unit", "words") == "characters":
            return _with_separator(words)
        return tuple(_spaced(word, first=not place) for place, word in enumerate(words))
    maker = getattr(fitted, "maker", None)
    if maker is None:
        return tuple(f" {one}" for one in ids)
    if isinstance(texts, Texts):
        encoded = maker.encode_one(texts, row, len(ids))
        if list(encoded.ids) == list(ids):
            return _slices((texts.texts[row], "" if texts.pairs is None else texts.pairs[row]), encoded)
    return tuple(f" {maker.backend.id_to_token(one)}" for one in ids)


def _slices(texts: tuple[str, str], encoded: Any) -> tuple[str, ...]:
    """Return the piece of its text of each token, from where the one before it ends; special tokens by name.

    Of a character that several tokens are bytes of, the first has it and the others have nothing.
    """
    words, ends, last = list[str](), dict[int, int](), None
    for token, (start, stop), which in zip(encoded.tokens, encoded.offsets, encoded.sequence_ids, strict=True):
        if which is None or stop <= start:
            words.append(f" {token} ")
        else:
            text = texts[which]
            end = ends.get(which, start if text[:start].strip() else 0)  # what is cut off on the left is of no token
            beside = " " if which == 1 and last == 0 else ""  # some tokenizers put nothing between the texts of a pair
            words.append(beside + text[end:stop])
            ends[which] = max(end, stop)
        last = which
    return tuple(words)


def _with_separator(characters: Sequence[str]) -> tuple[str, ...]:
    """Return characters as they are: a space is one of them."""
    return tuple(f" {one} " if one == SEPARATOR else one for one in characters)


def _spaced(word: str, *, first: bool) -> str:
    return word if first or ord(word[0]) >= FIRST_WITHOUT_SPACES else f" {word}"
