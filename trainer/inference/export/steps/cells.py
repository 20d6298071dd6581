"""Feature columns of new rows: the kind of each is known, and how the model's own rows were written."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.number_forms import (
    FORMS,
    PLAIN_NUMBERS,
    numbers_for_none,
    plain_width,
    read_written_as,
    words_for_none,
)
from trainer.data.columns.written_dates import DATES

UNSEEN, MISSING, FIRST_CATEGORY = 0, 1, 2  # codes of categories
PLAIN = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"([+-]?\d+)\.0*", re.ASCII)
MOST_NAMED = 3


class Cells:
    """Turns cells into numbers and codes of categories, and remembers what it saw.

    Args:
        numeric: columns of numbers.
        categories: by column of words, those that any fold knows; their codes are their places from 2.
        written: how columns of numbers were written in the model's own rows, where not plainly.
        missing: cells that mean "no value".
    """

    def __init__(
        self,
        *,
        numeric: Sequence[str],
        categories: Mapping[str, Sequence[str]],
        written: Mapping[str, str],
        missing: Sequence[Any],
    ) -> None:
        self.numeric, self.written = tuple(numeric), dict(written)
        self.codes = {
            name: {word: code for code, word in enumerate(words, start=FIRST_CATEGORY)}
            for name, words in categories.items()
        }
        self.missing = {"", *words_for_none(missing)}
        self.none = frozenset(numbers_for_none(missing))
        self.found: dict[str, str] = {}
        self.unseen: dict[str, Counter[str]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that have to be there."""
        return (*self.numeric, *self.codes)

    def read(self, cells: Mapping[str, Sequence[str]], first_row: int) -> dict[str, NDArray[Any]]:
        """Return ``numeric`` (B, F) float64, NaN = missing, and ``categorical`` (B, K) int64; none of no columns.

        Args:
            cells: by column.
            first_row: number of the first row in the file, from 0.

        Raises:
            ValueError: a cell of a column of numbers is none; names it.
        """
        inputs: dict[str, NDArray[Any]] = {}
        if self.numeric:
            columns = [self._numbers(name, cells[name], first_row) for name in self.numeric]
            inputs["numeric"] = np.array(columns, dtype=np.float64).T
        if self.codes:
            inputs["categorical"] = np.array([self._codes(name, cells[name]) for name in self.codes], dtype=np.int64).T
        return inputs

    def notes(self) -> list[str]:
        """Return what a person should know of the cells."""
        said = []
        for name, counts in self.unseen.items():
            named = ", ".join(repr(word) for word in list(counts)[:MOST_NAMED])
            more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
            what = "categories that are new to the model"
            said.append(f"column {name!r}: {what}, in {counts.total()} rows: {named}{more}")
        return said

    def _numbers(self, name: str, cells: Sequence[str], first_row: int) -> list[float]:
        texts = [cell.strip() for cell in cells]
        values: dict[str, float] = dict.fromkeys(self.missing, math.nan)
        fresh = [text for text in dict.fromkeys(texts) if text not in values]
        numbers = self._in_a_form(fresh, name)
        if numbers is None:
            raise self._not_a_number(name, texts, first_row)
        values |= {text: math.nan if one in self.none else one for text, one in zip(fresh, numbers, strict=True)}
        infinite = next((row for row, text in enumerate(texts) if math.isinf(values[text])), None)
        if infinite is not None:
            raise ValueError(
                f"column {name!r} row {first_row + infinite + 1} is infinite: leave it empty, or repair it"
            )
        return [values[text] for text in texts]

    def _in_a_form(self, texts: Sequence[str], name: str) -> list[float] | None:
        """Return the numbers in the form of the blocks before; in the first, the model's own, or one that is sure."""
        usual = self.written.get(name, PLAIN_NUMBERS)
        if usual == PLAIN_NUMBERS and self.found.get(name, usual) == usual and all(map(PLAIN.fullmatch, texts)):
            self.found.setdefault(name, usual)
            return [float(text) for text in texts]
        if name in self.found:
            return read_written_as(texts, self.found[name], sure=True)
        if not texts:
            return []
        others = [DATES] if usual.startswith(DATES) else [form for form in FORMS if form != DATES]
        for form, sure in ((usual, True), *((other, False) for other in others)):
            values = read_written_as(texts, form, sure=sure)
            if values is not None:
                self.found[name] = form
                return values
        return None

    def _not_a_number(self, name: str, texts: Sequence[str], first_row: int) -> ValueError:
        form = self.found.get(name, self.written.get(name, PLAIN_NUMBERS))
        cells = [(row, text) for row, text in enumerate(texts) if text not in self.missing]
        wrong = next((cell for cell in cells if read_written_as([cell[1]], form, sure=True) is None), cells[0])
        what = FORMS[DATES if form.startswith(DATES) else form][0]
        comma = ": write it with a point" if re.fullmatch(r"[+-]?\d+(,\d+)+(\.\d+)?", plain_width(wrong[1])) else ""
        return ValueError(
            f"column {name!r} row {first_row + wrong[0] + 1} {wrong[1]!r} is not as the {what} of the model's own "
            f"rows{comma}: repair the cell, or leave it empty where it means no value"
        )

    def _codes(self, name: str, cells: Sequence[str]) -> list[int]:
        known = self.codes[name]
        codes: dict[str, int] = {}
        for text in map(str.strip, cells):
            if text not in codes:
                codes[text] = MISSING if text in self.missing else known.get(_as_known(text, known), UNSEEN)
            if codes[text] == UNSEEN:
                self.unseen.setdefault(name, Counter())[text] += 1
        return [codes[cell.strip()] for cell in cells]


def _as_known(word: str, known: Mapping[str, int]) -> str:
    """Return the model's writing of a category: 1 for 1.0, or 1.0 for 1."""
    if word in known:
        return word
    whole = WHOLE.fullmatch(word)
    if whole and whole[1] in known:
        return whole[1]
    return f"{word}.0" if f"{word}.0" in known and NUMBER.fullmatch(word) else word
