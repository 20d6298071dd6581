"""What a table that could be read may hide: a first line that is data, rows inside a cell, row numbers as a column."""

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.readers.csv_form import ROW_NAMES
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

LOOKED_AT = 10_000  # rows in which the words of the first line are looked for
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
UNNAMED = re.compile(r"unnamed_1|Unnamed: ?\d+(\.\d+)?(_level_\d+)?")
SAVED_INDEX = re.compile(r"__index_level_\d+__")
LEAST_SHUFFLED = 20  # rows; in fewer, different numbers say nothing
MOST_ROWS = 5  # named
WIDE = {"，": ",", "；": ";"}  # signs of a Chinese keyboard


def check_first_line(table: pa.Table, file: Path) -> None:
    """Refuse a header that looks like a row: its words or numbers would be column names, and the row lost.

    Args:
        table: the rows, of text, under the cells of the first line.
        file: named in messages.

    Raises:
        DataError: names the cells, and the options.
    """
    rows, names = table.slice(0, LOOKED_AT), table.column_names
    _refuse_wide_signs(rows, file)
    numbers = [name for name in names if NUMBER.fullmatch(name.strip())]
    if len(numbers) > 1 and _count_up(numbers):  # as columns without names are called, or those of years
        numbers = []
    sure = [name for name in numbers if not name.strip().isdigit()]  # nothing is called -0.3 or 1e5
    words = [name for name, cells in zip(names, rows.columns, strict=True) if name not in numbers and _has(cells, name)]
    found = [*numbers, *words]
    named = len(names) > 2 or any(
        name not in found and _are_numbers(cells) for name, cells in zip(names, rows.columns, strict=True)
    )
    if not sure and (not found or (len(found) == 1 and named)):  # a column 'blue' may hold 'blue'
        return
    listed = ", ".join(f"'{shown(name, 30)}'" for name in found[:3]) + (", ..." if len(found) > 3 else "")
    again = _repeated_header(rows, names)
    if again and not _is_data(rows, names, words):
        raise DataError(f"{file}: row {again} is the header again: delete that line (files that were put together?)")
    raise DataError(
        f"{file}: the first line looks like data ({listed}), not like the names of columns\n"
        "set data.header=none (the columns are then c1, c2, ...) or data.header=[NAME,NAME,...] where there are no "
        "names,\nor data.header=first if these are the names"
    )


def _are_numbers(cells: Column) -> bool:
    """Whether all cells are numbers, so that the word above them is a name."""
    return all(NUMBER.fullmatch((cell or "").strip()) for cell in cells.to_pylist())


def _refuse_wide_signs(rows: pa.Table, file: Path) -> None:
    """Refuse one column whose every cell, and its name, has as many full-width commas, as a Chinese keyboard types."""
    if rows.num_columns != 1:
        return
    [name], cells = rows.column_names, rows.columns[0].to_pylist()
    for wide, plain in WIDE.items():
        if wide in name and all(cell and cell.count(wide) == name.count(wide) for cell in cells):
            raise DataError(
                f"{file}: there is '{wide}' (U+{ord(wide):04X}) between the cells, of a Chinese keyboard, and not "
                f"'{plain}': replace it, sed 's/{wide}/{plain}/g' {shlex.quote(str(file))} > NEW.csv\n"
                f"header: {shown(name)}"
            )


def _count_up(numbers: Sequence[str]) -> bool:
    """Whether numbers are whole and evenly spaced: 0, 1, 2, ... or 2000, 2005, 2010."""
    values = [float(number) for number in numbers]
    steps = {after - before for before, after in pairwise(values)}
    even = len(steps) == 1 and (steps == {1.0} or (len(values) > 2 and min(steps) > 0))
    return even and all(value.is_integer() for value in values)


def _has(cells: Column, word: str) -> bool:
    """Whether one of the cells is this word; no cell is empty for that."""
    if not pa.types.is_string(cells.type) or not word.strip() or word.strip().isdigit():
        return False
    same: Column = pc.equal(cells, pa.scalar(word))
    return bool(pc.any(same).as_py())


def _is_data(rows: pa.Table, names: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a word of the first line is in rows that do not repeat all of it, as words of data are."""
    others = rows.filter(pa.array(~_repeating(rows, names)))
    return any(_has(others[name], name) for name in words)


def _repeated_header(rows: pa.Table, names: Sequence[str]) -> int:
    """Return the first row (from 1) that is the header again, or 0."""
    same_N = _repeating(rows, names)
    return int(same_N.argmax()) + 1 if same_N.any() else 0


def _repeating(rows: pa.Table, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return (N,) whether a row is the first line again."""
    same_N: NDArray[np.bool_] = np.ones(rows.num_rows, dtype=bool)
    for name, cells in zip(names, rows.columns, strict=True):
        same: Column = pc.equal(cells, pa.scalar(name))
        same_N &= as_numpy(pc.fill_null(same, False))
    return same_N


def check_swallowed(table: pa.Table, separator: str, file: Path) -> tuple[str, ...]:
    """Look for cells that hold whole rows: in a file without quoting, a lone quote opens one and another closes it.

    Args:
        table: of text, read with quotes as quotes.
        separator: between cells.
        file: named in messages.

    Returns:
        A note on the rows with a cell of several lines that hold the delimiter and may be rows.

    Raises:
        DataError: all such cells look like rows; names them and the option.
    """
    seen = Swallowed()
    seen.add(table, separator)
    return seen.verdict(separator, file)


@dataclass
class Swallowed:
    """Rows with a cell of several lines that hold the delimiter, seen so far, block by block.

    Attributes:
        n_rows: looked at.
        n_spanning: of them, with such a cell.
        whole: numbers of those whose lines look like rows, from 1.
        begins: the longest cell of the first one.
    """

    n_rows: int = 0
    n_spanning: int = 0
    whole: list[int] = field(default_factory=list)
    begins: str = ""

    def add(self, table: pa.Table, separator: str) -> None:
        """Look at the rows that follow."""
        spanning_N = np.zeros(table.num_rows, dtype=bool)
        for cells in filter(_may_span_lines, table.columns):
            lines: Column = pc.match_substring_regex(cells, "[\r\n]")
            if pc.any(lines).as_py():
                holding: Column = pc.match_substring(cells, separator)
                spanning_N |= as_numpy(pc.and_(lines, holding))
        rows = np.flatnonzero(spanning_N).tolist()
        whole = [row for row in rows if _lines_are_rows(table.slice(row, 1), separator)]
        if whole and not self.whole:
            self.begins = max((str(cells[whole[0]].as_py()) for cells in table.columns), key=len)
        self.whole += [self.n_rows + row + 1 for row in whole]
        self.n_spanning += len(rows)
        self.n_rows += table.num_rows

    def verdict(self, separator: str, file: Path) -> tuple[str, ...]:
        """Return what to say, or raise, as ``check_swallowed`` does."""
        whole = self.whole
        if not whole:
            return ()
        listed = ", ".join(map(str, whole[:MOST_ROWS])) + (", ..." if len(whole) > MOST_ROWS else "")
        what = (
            f"a quoted cell of row {listed} spans"
            if len(whole) == 1
            else f"quoted cells of {len(whole)} rows ({listed}) span"
        )
        said = f"{what} lines that look like rows of their own"
        if separator == "\t" or len(whole) == self.n_spanning:
            raise DataError(
                f"{file}: {said}\nit begins: {shown(self.begins, 60)}\n"
                "set data.quote=none if quotes are plain characters in this file; if not, write these cells in one line"
            )
        return (f"{said}: set data.quote=none if quotes are plain characters in this file",)


def _may_span_lines(cells: Column) -> bool:
    """Whether a byte of text may be a line break; reads all of the column as fast as memory gives it."""
    if not pa.types.is_string(cells.type):
        return False
    buffers = [chunk.buffers()[-1] for chunk in cells.chunks]
    blocks = (np.frombuffer(buffer, dtype=np.uint8) for buffer in buffers if buffer is not None and buffer.size)
    return any(int(block.min()) <= ord("\r") for block in blocks)


def _lines_are_rows(row: pa.Table, separator: str) -> bool:
    """Whether each line that the cells of a row make has as many cells as the row."""
    written = separator.join(str(cells[0].as_py()) for cells in row.columns)
    return all(line.count(separator) == row.num_columns - 1 for line in written.splitlines())


def without_index(table: pa.Table, wanted: Collection[str] = ()) -> tuple[pa.Table, tuple[str, ...]]:
    """Leave out what pandas and R write of their row names; tell which.

    Args:
        table: the rows.
        wanted: columns that an option names, which stay.
    """
    free = [(place, name) for place, name in enumerate(table.column_names) if name not in wanted]
    numbers = [
        name
        for place, name in free
        if (UNNAMED.fullmatch(name) if place == 0 else name.startswith("Unnamed: 0")) and _numbers_rows(table[name])
    ]
    saved = [name for _, name in free if SAVED_INDEX.fullmatch(name)]
    notes = [
        f"column {', '.join(map(repr, names))} {what}: left out"
        for names, what in ((numbers, "only numbers the rows"), (saved, "has the row names of pandas"))
        if names
    ]
    if not notes or len(numbers) + len(saved) == table.num_columns:
        return table, ()
    return table.drop_columns([*numbers, *saved]), tuple(notes)


def _numbers_rows(cells: Column) -> bool:
    """Whether the cells are whole numbers that rise, or (of some rows) another one in each, as if shuffled."""
    if not pa.types.is_integer(cells.type):
        if not pa.types.is_string(cells.type) or not pc.all(pc.match_substring_regex(cells, r"^\d{1,18}$")).as_py():
            return False
        cells = pc.cast(cells, pa.int64())
    if cells.null_count:
        return False
    rising = bool((np.diff(as_numpy(cells)) > 0).all())
    return rising or (len(cells) >= LEAST_SHUFFLED and len(pc.unique(cells)) == len(cells))


def without_row_names(table: pa.Table, id_column: str | None) -> tuple[pa.Table, tuple[str, ...]]:
    """Leave out the row names that R has written, unless they are the ids; tell that they are there."""
    said = "the header is one cell shorter than the rows, as R writes it: the first column has the names of the rows"
    if id_column == ROW_NAMES:
        return table, (said,)
    return table.drop_columns([ROW_NAMES]), (f"{said}, left out (data.id={ROW_NAMES} takes them for ids)",)
