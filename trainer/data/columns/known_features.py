"""Feature columns of new rows, read as those of the run were: the kind of each is known, only its cells are looked at.

Rows come in blocks. How a column of numbers is written may differ from the run's file where it is sure, and is then the
same in all blocks.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.none_codes import without_listed
from trainer.data.columns.number_forms import (
    FORMS,
    PLAIN_NUMBERS,
    numbers_for_none,
    plain_width,
    read_written_as,
    words_for_none,
)
from trainer.data.columns.roles import text_cells
from trainer.data.columns.typed_numbers import as_days, as_float64, is_number_type
from trainer.data.columns.written_dates import DATES
from trainer.data.samples import TableColumns
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.spellings import spelling_key

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"([+-]?\d+)\.0*", re.ASCII)
MOST_NAMED = 3
MOST_LINES = 4  # on columns of one kind


@dataclass
class KnownFeatures:
    """The feature columns of a run, and what was seen of a new file's so far.

    Attributes:
        numeric: columns of numbers, in the run's order.
        categorical: columns of categories, likewise.
        written: how columns of numbers were written in the run's file, where not plainly.
        missing: text cells that mean "no value".
        known: by column, the categories of the run's rows; none of columns whose categories are not known.
        found: how columns of numbers are written in the new file.
        unseen: by column, categories that are not known, and their rows.
        with_values: columns of numbers with a value in some row.
        examples: by column of ``found``, what became of its first cell.
    """

    numeric: Sequence[str]
    categorical: Sequence[str]
    written: Mapping[str, str]
    missing: Sequence[object]
    known: Mapping[str, frozenset[str]]
    found: dict[str, str] = field(default_factory=dict)
    unseen: dict[str, Counter[str]] = field(default_factory=dict)
    with_values: set[str] = field(default_factory=set)
    examples: dict[str, str] = field(default_factory=dict)

    def read(self, table: pa.Table, file: str, first_row: int) -> TableColumns:
        """Return the features of a block.

        Args:
            table: has every column; others are left alone.
            file: named in messages.
            first_row: number of its first row in the file, from 0.

        Raises:
            DataError: a cell is of another kind than the run's; names row and column.
        """
        numeric_NF, of_none = np.empty((table.num_rows, len(self.numeric))), numbers_for_none(self.missing)
        for place, name in enumerate(self.numeric):
            values_N = without_listed(self._numbers(table[name], name, file, first_row), of_none)
            numeric_NF[:, place] = values_N
            if name not in self.with_values and not np.isnan(values_N).all():
                self.with_values.add(name)
        categorical_NK = np.empty((table.num_rows, len(self.categorical)), dtype=object)
        for place, name in enumerate(self.categorical):
            categorical_NK[:, place] = self._categories(table, name, file)
        return TableColumns(numeric_NF, categorical_NK, tuple(self.numeric), tuple(self.categorical))

    def notes(self) -> list[str]:
        """Return what differs from the run's file, one line per column, of many columns a few."""
        said = [
            f"column '{name}' holds {_in_words(form)}, in the run's data {_in_words(_form(self.written, name))}: "
            f"read as {self.examples[name]}"
            for name, form in self.found.items()
            if form != _form(self.written, name) and form != PLAIN_NUMBERS
        ]
        empty = [name for name in self.numeric if name not in self.with_values]
        none = f"no value in any row of column {shown(', '.join(map(repr, empty)), 160)}: the run's medians stand in"
        return [*([none] if empty else []), *_few(said), *_few([self._unseen_note(name) for name in self.unseen])]

    def _unseen_note(self, name: str) -> str:
        counts = self.unseen[name]
        named = ", ".join(f"'{shown(word, 30)}'{_near(word, self.known[name])}" for word in list(counts)[:MOST_NAMED])
        more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
        rows = f"{counts.total()} row{'s' if counts.total() > 1 else ''}"
        return f"column '{name}': categories that are new to the run, in {rows}: {named}{more}"

    def _numbers(self, column: Column, name: str, file: str, first_row: int) -> NDArray[np.float64]:
        kind, is_date = column.type, _form(self.written, name).startswith(DATES)
        place = f"{file}: column '{name}'"
        if pa.types.is_null(kind):
            return np.full(len(column), np.nan)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            if not is_date:
                raise DataError(f"{place} holds dates ({kind}), the run's held numbers: is it the right column?")
            return as_numpy(as_days(column))
        if is_number_type(kind):
            if is_date:
                raise DataError(f"{place} holds numbers ({kind}), the run's held dates: write dates")
            values_N = as_numpy(as_float64(column)).astype(np.float64)
            is_truth = pa.types.is_boolean(kind)
            if len(column) > column.null_count and name not in self.written and not is_truth:
                self.found.setdefault(name, PLAIN_NUMBERS)  # text that follows is of the same form
        else:
            values_N = self._written_numbers(column, name, file, first_row)
        infinite = np.isinf(values_N)
        if infinite.any():
            row = first_row + int(infinite.argmax()) + 1
            raise DataError(f"{place} row {row} is infinite: replace it by a finite number, or by an empty cell")
        return values_N

    def _written_numbers(self, column: Column, name: str, file: str, first_row: int) -> NDArray[np.float64]:
        cells = self._text(pa.table({name: column}), name, file)
        usual = _form(self.written, name)
        if usual == PLAIN_NUMBERS and self.found.get(name, usual) == usual:
            try:
                values_N = as_numpy(pc.cast(cells, pa.float64())).astype(np.float64)
            except pa.ArrowInvalid:
                pass
            else:
                self.found.setdefault(name, usual)
                return values_N
        encoded: Column = cells.combine_chunks().dictionary_encode()
        texts, codes_N = encoded.dictionary.to_pylist(), as_numpy(encoded.indices.fill_null(-1))
        if not texts:
            return np.full(len(cells), np.nan)
        values = self._in_a_form(texts, name, usual)
        if values is None:
            raise self._not_a_number(texts, codes_N, name, file, first_row)
        numbers_N: NDArray[np.float64] = np.append(np.array(values, dtype=np.float64), np.nan)[codes_N]
        return numbers_N

    def _in_a_form(self, texts: Sequence[str], name: str, usual: str) -> list[float] | None:
        """Return the numbers in the form of the blocks before; in the first, the run's, or one that is sure."""
        if name in self.found:
            return read_written_as(texts, self.found[name], sure=True)
        others = [] if usual.startswith(DATES) else [form for form in FORMS if form != DATES]
        for form, sure in ((usual, True), *((form, False) for form in (others or [DATES]))):
            values = read_written_as(texts, form, sure=sure)
            if values is not None:
                self.found[name], self.examples[name] = form, f"{values[0]:g} ('{shown(texts[0], 30)}')"
                return values
        return None

    def _not_a_number(
        self, texts: Sequence[str], codes_N: NDArray[np.int64], name: str, file: str, first_row: int
    ) -> DataError:
        form = self.found.get(name, _form(self.written, name))
        wrong = [code for code, text in enumerate(texts) if read_written_as([text], form, sure=True) is None]
        wrong = wrong or list(range(len(texts)))
        rows_N = np.isin(codes_N, wrong)
        row, cell = first_row + int(rows_N.argmax()) + 1, shown(texts[int(codes_N[rows_N.argmax()])], 40)
        more = f" ({int(rows_N.sum())} such cells)" if rows_N.sum() > 1 else ""
        what = FORMS[DATES if form.startswith(DATES) else form][0]
        comma = ": write it with a point" if re.fullmatch(r"[+-]?\d+(,\d+)+(\.\d+)?", plain_width(cell)) else ""
        return DataError(
            f"{file}: column '{name}' row {row} '{cell}' is not as the run's {what}{more}{comma}\n"
            "repair the cells, or leave them empty where they mean no value"
        )

    def _categories(self, table: pa.Table, name: str, file: str) -> NDArray[np.object_]:
        encoded: Column = self._text(table, name, file).combine_chunks().dictionary_encode()
        words, codes_N = encoded.dictionary.to_pylist(), as_numpy(encoded.indices.fill_null(-1))
        if name in self.known:
            is_truth = pa.types.is_boolean(table[name].type)
            words = [_as_known(word, self.known[name], is_truth=is_truth) for word in words]
            counts = np.bincount(codes_N + 1, minlength=len(words) + 1)[1:]
            for word, count in zip(words, counts.tolist(), strict=True):
                if word not in self.known[name]:
                    self.unseen.setdefault(name, Counter())[word] += count
        words_N: NDArray[np.object_] = np.array([*words, None], dtype=object)[codes_N]
        return words_N

    def _text(self, table: pa.Table, name: str, file: str) -> Column:
        """Return trimmed text, null = missing; each whole number without a fraction, whatever the others are."""
        column: Column = table[name]
        if pa.types.is_null(column.type):
            return pc.cast(column, pa.string())
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            floor: Column = pc.floor(column)
            is_whole: Column = pc.equal(column, floor)
            is_exact: Column = pc.less(pc.abs(column), pa.scalar(2.0**53))
            both: Column = pc.and_(is_whole, is_exact)
            whole: Column = pc.fill_null(both, False)
            only_whole: Column = pc.if_else(whole, column, pa.scalar(None, column.type))
            as_int: Column = only_whole.cast(pa.int64()).cast(pa.string())
            as_text: Column = pc.cast(column, pa.string())
            cells: Column = pc.if_else(whole, as_int, as_text)
        else:
            cells = pc.utf8_trim_whitespace(text_cells(table, name, file))
        cells = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])
        tokens = ["", *words_for_none(self.missing)]
        return pc.if_else(pc.is_in(cells, pa.array(tokens, cells.type)), None, cells)


def _in_words(form: str) -> str:
    return FORMS[DATES if form.startswith(DATES) else form][0]


def _few(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - MOST_LINES} more columns likewise"] if len(lines) > MOST_LINES else []
    return [*lines[:MOST_LINES], *more]


def _form(written: Mapping[str, str], name: str) -> str:
    return written.get(name, PLAIN_NUMBERS)


def _as_known(word: str, known: frozenset[str], *, is_truth: bool) -> str:
    """Return the run's writing of a category: 1 for 1.0, True for true where the column holds truth values."""
    if word in known:
        return word
    whole = WHOLE.fullmatch(word)
    if whole and whole[1] in known:
        return whole[1]
    if f"{word}.0" in known and NUMBER.fullmatch(word):
        return f"{word}.0"
    return next((other for other in known if is_truth and other.casefold() == word.casefold()), word)


def _near(word: str, known: frozenset[str]) -> str:
    """Return what the run knows that looks like a category: another case, zeros in front, a letter more."""
    folded = {spelling_key(other).lstrip("0"): other for other in sorted(known)}
    near = get_close_matches(spelling_key(word).lstrip("0"), folded, n=1, cutoff=0.8)
    return f" (the run knows '{shown(folded[near[0]], 30)}')" if near else ""
