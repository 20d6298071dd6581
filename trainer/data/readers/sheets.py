"""The cells of a sheet, without what only looks like cells, and what in it is no table."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from trainer.data.readers.sheet_layout import Layout, address
from trainer.data.readers.typed_cells import as_text
from trainer.errors import DataError, shown
from trainer.wording.lists import first_few

NO_ANSWER = "#N/A"  # what a formula gives that found nothing
ERRORS = frozenset(
    (
        NO_ANSWER,
        "#REF!",
        "#DIV/0!",
        "#VALUE!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#GETTING_DATA",
    )
)
AS_THEY_ARE = frozenset((int, float, bool, type(None)))  # most cells, for which no function is called
CODE = re.compile(r"0[0\-/ ()]*0")  # a number format of digits that are all written: 00000, 000-00-0000
ESCAPED = re.compile(r'\\(.)|"([^"]*)"')


class ErrorCell(str):
    """What a cell shows whose formula failed: ``#REF!``."""

    __slots__ = ()


@dataclass(frozen=True)
class Grid:
    """The rows of a sheet that have cells.

    Attributes:
        title: of the sheet.
        header: cells of the first of these rows.
        header_number: of that row in the sheet, from 1.
        cells: of the others, column by column, as many in each; as many columns as the header has cells.
        numbers: of these rows in the sheet, from 1.
    """

    title: str
    header: Sequence[Any]
    header_number: int
    cells: Sequence[Sequence[Any]]
    numbers: Sequence[int]

    @property
    def width(self) -> int:
        """The number of columns, empty ones among them too."""
        return len(self.header)

    def under(self, names: Sequence[str]) -> "Grid":
        """Return the same cells under these names; the first row is one of values."""
        cells = [(first, *column) for first, column in zip(self.header, self.cells, strict=True)]
        return Grid(self.title, names, self.header_number, cells, (self.header_number, *self.numbers))

    def columns(self) -> list[int]:
        """Return the numbers (from 1) of the columns that have a name or a value."""
        filled = (name is not None or _count(cells) for name, cells in zip(self.header, self.cells, strict=True))
        return [place for place, is_filled in enumerate(filled, start=1) if is_filled]

    def name(self, column: int) -> str:
        """Return the name of a column, ``unnamed_<position>`` where it has none."""
        cell = self.header[column - 1]
        return f"unnamed_{column}" if cell is None else as_text(cell).strip()

    def values(self, column: int) -> Sequence[Any]:
        """Return the values below the name; None = empty, or #N/A."""
        cells = self.cells[column - 1]
        return [None if type(cell) is ErrorCell else cell for cell in cells] if self._errors else cells

    def notes(self) -> tuple[str, ...]:
        """Say where rows are missing in between, and which cells have no answer."""
        said = []
        gaps = [number for before, number in zip(self.numbers, self.numbers[1:], strict=False) if number > before + 1]
        if gaps:
            said.append(f"empty rows of the sheet are no rows (above row {first_few(gaps, rest=', ...')})")
        missing = [address(number, place) for number, place, _ in self._errors]
        if missing:
            said.append(f"{len(missing)} cells with {NO_ANSWER} ({first_few(missing, rest=', ...')}): read as empty")
        return tuple(said)

    def refuse_oddities(self, layout: Layout, path: Path) -> None:
        """Refuse what is no table: a title above it, merged cells, errors, formulas without a value.

        Raises:
            DataError: names the cells.
        """
        where = f"{path}: sheet '{self.title}'"
        self._refuse_title(where)
        self._refuse_merged(layout, where)
        empty = [address(row, column) for row, column in layout.without_value]
        if empty:
            raise DataError(
                f"{where}: {len(empty)} formulas without a value in the file ({first_few(empty, rest=', ...')}), as "
                "where a program has written it: open it in Excel or LibreOffice and save it"
            )
        wrong = [f"{address(number, place)} {cell}" for number, place, cell in self._errors if cell != NO_ANSWER]
        if wrong:
            raise DataError(
                f"{where}: {len(wrong)} cells with errors ({first_few(wrong, rest=', ...')}): repair or empty them"
            )

    @cached_property
    def _errors(self) -> list[tuple[int, int, ErrorCell]]:
        """Row and column (from 1) of each cell with an error, row by row."""
        return sorted(
            (number, place, cell)
            for place, cells in enumerate(self.cells, start=1)
            if ErrorCell in set(map(type, cells))
            for number, cell in zip(self.numbers, cells, strict=True)
            if type(cell) is ErrorCell
        )

    def _refuse_title(self, where: str) -> None:
        """Refuse a first line with names for less than half of the columns: it is above the table, not of it."""
        columns = self.columns()
        named = [place for place, cell in enumerate(self.header, start=1) if cell is not None]
        alone = len(named) == 1 and len(columns) > 1 and named[0] == columns[0]  # pandas leaves A1 empty, not B1
        if not alone and len(named) * 2 >= len(columns):
            return
        counts = [_count(row) for row in zip(*self.cells, strict=True)]
        number = self.numbers[counts.index(max(counts))]
        first = shown(as_text(self.header[named[0] - 1]), 40)
        raise DataError(
            f"{where}: {address(self.header_number, named[0])} '{first}' stands above the table, whose names seem to "
            f"be in row {number}: delete the rows above it"
        )

    def _refuse_merged(self, layout: Layout, where: str) -> None:
        last = max(self.numbers, default=self.header_number)
        columns = set(self.columns())
        for top, left, bottom, right in layout.merged:
            if top > last or bottom < self.header_number or not columns & set(range(left, right + 1)):
                continue
            span = f"{address(top, left)}:{address(bottom, right)}"
            if top <= self.header_number:
                raise DataError(
                    f"{where}: the cells {span} of the header are merged: give each column one name, in one row"
                )
            raise DataError(f"{where}: the cells {span} are merged: take them apart, and fill each of them")


def read_grid(sheet: Any, number_formats: Sequence[str]) -> Grid:
    """Return the rows of a sheet of openpyxl's that have a cell with a value.

    Args:
        sheet: to be read.
        number_formats: of its cells; where none is one of codes, it is read faster.
    """
    if any(map(_code_mask, number_formats)):
        found = ([_shown(cell) for cell in row] for row in sheet.iter_rows())
    else:
        found = sheet.iter_rows(values_only=True)
    columns = [_plain_cells(cells) for cells in zip_longest(*found)]
    numbers = [number for number, row in enumerate(zip(*columns, strict=True), start=1) if _count(row)]
    if columns and len(numbers) < len(columns[0]):  # without the empty rows
        columns = [[cells[number - 1] for number in numbers] for cells in columns]
    header = [cells[0] for cells in columns] if numbers else []
    return Grid(sheet.title, header, numbers[0] if numbers else 1, [cells[1:] for cells in columns], numbers[1:])


def _plain_cells(cells: Sequence[Any]) -> Sequence[Any]:
    """Return the cells of a column, of which most are as they are."""
    kinds = set(map(type, cells)) - AS_THEY_ARE
    if not kinds:
        return cells
    return [value if type(value) in AS_THEY_ARE or _is_plain_text(value) else _plain(value) for value in cells]


def _is_plain_text(value: Any) -> bool:
    return type(value) is str and value > "$"  # neither empty nor an error


def _shown(cell: Any) -> Any:
    """Return a cell's value; a number that is a code with its zeros."""
    value = cell.value
    mask = _code_mask(cell.number_format) if type(value) is int else None
    return _plain(value) if mask is None or value < 0 else _as_code(value, mask)


def _plain(value: Any) -> Any:
    """Return text, numbers and truth values as they are, dates as ISO text, errors as such."""
    if type(value) is str:
        return ErrorCell(value) if value[:1] == "#" and value in ERRORS else value or None
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return _duration(value) if isinstance(value, dt.timedelta) else value


def _duration(value: dt.timedelta) -> str:
    """Return a duration as Excel shows it, hours first: 30:05:00, where Python has days."""
    hours, rest = divmod(value, dt.timedelta(hours=1))
    minutes, seconds = divmod(rest, dt.timedelta(minutes=1))
    return f"{hours}:{minutes:02}:{seconds.seconds:02}"


@lru_cache
def _code_mask(number_format: str) -> str | None:
    """Return what a number format writes of each digit, where it writes zeros in front; else None."""
    mask = ESCAPED.sub(lambda match: match[1] or match[2] or "", number_format.split(";")[0])
    return mask if CODE.fullmatch(mask) else None


def _as_code(value: int, mask: str) -> str:
    """Return 123 as 00123 by the mask 00000, and 123456789 as 123-45-6789 by 000-00-0000."""
    digits = str(value).rjust(mask.count("0"), "0")
    spare = len(digits) - mask.count("0")
    rest = iter(digits[spare:])
    return digits[:spare] + "".join(next(rest) if sign == "0" else sign for sign in mask)


def _count(row: Sequence[Any]) -> int:
    return len(row) - row.count(None)
