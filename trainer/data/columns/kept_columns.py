"""Feature columns as they are read, one by one: kept in memory, or in files where they do not fit there."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.coded_words import MISSING
from trainer.data.columns.none_codes import none_code
from trainer.data.columns.roles import setting
from trainer.data.table_columns import TableColumns, table_in_files
from trainer.errors import shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.mapped_arrays import ArrayFile, filled
from trainer.wording.lists import first_few

MANY_CATEGORIES = 50  # noted where more than half of the rows have a category of their own
LOOKED_AT = 200  # texts
SENTENCE_WORDS, SENTENCE_LENGTH = 6, 15  # half of them have more words, or letters of a script without spaces


def _are_sentences(texts: Sequence[str]) -> bool:
    spaces = [text.count(" ") >= SENTENCE_WORDS - 1 for text in texts]
    unspaced = [
        len(text) >= SENTENCE_LENGTH and sum(char >= "\u2e80" for char in text) * 2 > len(text) for text in texts
    ]
    return sum(spaces) * 2 > len(texts) or sum(unspaced) * 2 > len(texts)


@dataclass
class KeptColumns:
    """Columns in memory, and what is odd about them.

    Attributes:
        numbers: (N,) by name.
        words: the different ones, by name.
        codes: (N,) the place of each cell's word among them, by name.
        empty: columns without any value.
        constant: columns with the same value in every row.
        wide: notes on columns with very many words.
        none_codes: by column, a number that looks like "no value".
    """

    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    constant: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    none_codes: dict[str, str] = field(default_factory=dict)

    def add_numbers(self, name: str, values_N: NDArray[np.float64]) -> None:
        """Keep a column of numbers, NaN = missing."""
        if np.isnan(values_N).all():
            self.empty.append(name)
        elif (values_N == values_N[0]).all():
            self.constant.append(name)
        elif code := none_code(values_N):
            self.none_codes[name] = code
        self.numbers[name] = values_N

    def add_words(self, name: str, encoded: Column) -> None:
        """Keep a column of words, an array of Arrow with a dictionary."""
        n_words, n_rows = len(encoded.dictionary), len(encoded)
        if n_words == 0:
            self.empty.append(name)
        elif n_words == 1 and not encoded.null_count:
            self.constant.append(name)
        elif n_words > MANY_CATEGORIES and n_words * 2 > n_rows:
            drop = f"if it is no feature, set {setting('data.drop', name, in_list=True)}"
            if _are_sentences(encoded.dictionary[:LOOKED_AT].to_pylist()):
                drop = f"data=csv_text {setting('data.text', name)} learns from the words of texts; {drop}"
            self.wide.append(f"column '{name}' has {n_words} different texts in {n_rows} rows: {drop}")
        self.words[name] = encoded.dictionary.to_pylist()
        self.codes[name] = as_numpy(encoded.indices.fill_null(MISSING)).astype(np.int32, copy=False)

    def table(self) -> TableColumns:
        """Return the columns as a table."""
        numeric_NF, words_NK = self._stacked(), self._object_columns()
        return TableColumns(numeric_NF, words_NK, tuple(self.numbers), tuple(self.words))

    def notes(self) -> tuple[str, ...]:
        """Say what was found, and which columns cannot help."""
        notes = [f"features: {len(self.numbers)} numeric, {len(self.words)} categorical", *self.wide]
        kinds = (self.empty, "without any value"), (self.constant, "with the same value in every row")
        notes += [
            f"columns {problem}: {shown(', '.join(self._in_order(names)), 200)}" for names, problem in kinds if names
        ]
        if self.none_codes:
            named = [f"'{name}' ({code})" for name, code in self.none_codes.items()]
            notes.append(
                f"numbers that look like no value: {first_few(named, 3)}; if they mean that, add them to data.missing"
            )
        return tuple(notes)

    def _in_order(self, names: list[str]) -> list[str]:
        """Return columns of numbers before those of words."""
        return sorted(names, key=lambda name: name in self.words)

    def _stacked(self) -> NDArray[np.float64]:
        """Return the columns of numbers side by side, (N, F), some rows of all of them at a time."""

        def fill(start: int, out_BF: NDArray[np.float64]) -> None:
            for place, values_N in enumerate(self.numbers.values()):
                out_BF[:, place] = values_N[start : start + len(out_BF)]

        return filled((self._n_rows(), len(self.numbers)), np.float64, fill, None)

    def _object_columns(self) -> NDArray[np.object_]:
        columns_NK = np.empty((self._n_rows(), len(self.words)), dtype=object)
        for place, (name, words) in enumerate(self.words.items()):
            columns_NK[:, place] = np.array([*words, None], dtype=object)[self.codes[name]]
        return columns_NK

    def _n_rows(self) -> int:
        columns: list[Sized] = [*self.numbers.values(), *self.codes.values()]
        return len(columns[0])


class ColumnFiles(KeptColumns):
    """The same in files: one column at a time is in memory.

    Args:
        scratch: their folder.
    """

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        self._scratch = scratch
        self._numbers, self._codes = ArrayFile(scratch), ArrayFile(scratch)
        self._rows = 0

    def add_numbers(self, name: str, values_N: NDArray[np.float64]) -> None:
        """Write a column of numbers."""
        super().add_numbers(name, values_N)
        self._rows = len(values_N)
        self._numbers.append(values_N)
        self.numbers[name] = np.empty(0)  # its name is kept

    def add_words(self, name: str, encoded: Column) -> None:
        """Write a column of words."""
        super().add_words(name, encoded)
        self._rows = len(encoded)
        self._codes.append(self.codes.pop(name))

    def table(self) -> TableColumns:
        """Return the columns as a table that is mapped from the files."""
        return table_in_files(
            self._numbers,
            self._codes,
            self._rows,
            numeric=tuple(self.numbers),
            categories=self.words,
            scratch=self._scratch,
        )
