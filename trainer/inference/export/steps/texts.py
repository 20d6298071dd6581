"""Texts of new rows as tokens, by the tokenizer in tokenizer.json."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = "tokenizer.json"
PAD, UNKNOWN = 0, 1  # of words
AT_ONCE = 1000  # texts tokenised together

Arrays = dict[str, NDArray[Any]]


class TextCells:
    """Turns cells into the tokens of each row.

    Args:
        tokenizer: ``tokenizers.Tokenizer``.
        columns: ``text`` and ``pair``: columns whose cells, joined by a space, are the first and the second text.
        tokens: ``kind``, ``max_length`` and what else the kind needs (``model.json``).
    """

    def __init__(self, tokenizer: Any, columns: Mapping[str, Sequence[str]], tokens: Mapping[str, Any]) -> None:
        self.tokenizer, self.columns, self.tokens = tokenizer, columns, tokens
        if tokens["kind"] == "pretrained":
            side = "left" if tokens["cut_left"] else "right"
            tokenizer.enable_truncation(tokens["max_length"], strategy="longest_first", direction=side)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that have to be there."""
        return (*self.columns["text"], *self.columns["pair"])

    def read(self, cells: Mapping[str, Sequence[str]], first_row: int) -> Arrays:
        """Return the model's inputs for the rows of some cells."""
        joined = [
            [" ".join(row) for row in zip(*(cells[name] for name in self.columns[part]), strict=True)]
            for part in ("text", "pair")
            if self.columns[part]
        ]
        return self.encode(joined[0], joined[1] if len(joined) > 1 else None)

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None) -> Arrays:
        """Return tokens (B, T) of texts, or of pairs of texts."""
        if self.tokens["kind"] == "pretrained":
            return self._pretrained(texts if pairs is None else list(zip(texts, pairs, strict=True)))
        return {"tokens": _padded(self._words(texts, pairs), PAD)}

    def notes(self) -> list[str]:
        """Return nothing: any text can be read."""
        return []

    def _pretrained(self, texts: Sequence[Any]) -> Arrays:
        rows = list(self._encoded(texts))
        ids = [encoded.ids or [self.tokens["empty_id"]] for encoded in rows]
        inputs = {
            "input_ids": _padded(ids, self.tokens["pad_id"]),
            "attention_mask": _padded([[1] * len(row) for row in ids], 0),
        }
        if self.tokens["has_types"]:
            inputs["token_type_ids"] = _padded([encoded.type_ids or [0] for encoded in rows], 0)
        return inputs

    def _words(self, texts: Sequence[str], pairs: Sequence[str] | None) -> list[list[int]]:
        rows = [encoded.ids for encoded in self._encoded(texts)]
        if pairs is not None:
            second = [encoded.ids for encoded in self._encoded(pairs)]
            rows = [[*one, self.tokens["separator"], *two] for one, two in zip(rows, second, strict=True)]
        return [row[: self.tokens["max_length"]] or [UNKNOWN] for row in rows]

    def _encoded(self, texts: Sequence[Any]) -> Iterator[Any]:
        for start in range(0, len(texts), AT_ONCE):
            yield from self.tokenizer.encode_batch_fast(list(texts[start : start + AT_ONCE]))


def open_texts(folder: Path, facts: Mapping[str, Any]) -> TextCells:
    """Return the reader of texts of the model in a folder."""
    from tokenizers import Tokenizer

    return TextCells(Tokenizer.from_file(str(folder / FILE)), facts["columns"], facts["tokens"])


def by_length(inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.int64] | None:
    """Return the rows by their lengths, since a pass is as long as its longest row; None where there are no tokens."""
    filled = inputs.get("attention_mask", inputs.get("tokens"))
    if filled is None:
        return None
    longest = filled.shape[1] - np.argmax(filled[:, ::-1] != 0, axis=1)
    return np.argsort(longest, kind="stable")


def passes(inputs: Mapping[str, NDArray[Any]], n_rows: int) -> Iterator[Arrays]:
    """Yield so many rows at a time, tokens no longer than the longest of these rows."""
    for start in range(0, len(next(iter(inputs.values()))), n_rows):
        part = {name: values[start : start + n_rows] for name, values in inputs.items()}
        filled = part.get("attention_mask", part.get("tokens"))
        if filled is not None:
            longest = int(np.flatnonzero((filled != 0).any(axis=0)).max(initial=0)) + 1
            part = {name: np.ascontiguousarray(values[:, :longest]) for name, values in part.items()}
        yield part


def _padded(rows: Sequence[Sequence[int]], pad: int) -> NDArray[np.int64]:
    filled = np.full((len(rows), max(map(len, rows), default=1)), pad, dtype=np.int64)
    for place, row in enumerate(rows):
        filled[place, : len(row)] = row
    return filled
