"""A delimited file as blocks of columns, all text; never in memory as a whole."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
USUAL = {".tsv": "\t", ".txt": "\t"}  # between cells; elsewhere a comma
WRITTEN = ("encoding", "delimiter", "quote", "header")  # said of the file that the model was trained on
MOST_CELL = 1 << 27  # characters of a cell: the csv module's own limit is 131,072


@dataclass(frozen=True)
class CsvForm:
    """How a file is written.

    Attributes:
        encoding: of its text.
        delimiter: between cells.
        quoted: whether a double quote opens a cell.
        header: None or ``first`` = the first line has the names; ``none`` = there is no such line; or the names.
    """

    encoding: str
    delimiter: str
    quoted: bool
    header: Any


def form_of(path: Path, reading: Mapping[str, Any], encoding: str | None, delimiter: str | None) -> CsvForm:
    """Return the form of a file: as given, or as the model's own file was written if the two end alike.

    Args:
        path: of the new file.
        reading: what is known of the model's own, its ending as ``suffix``.
        encoding: given on the command line, or None.
        delimiter: likewise.
    """
    alike = path.suffix.lower() == reading.get("suffix")
    said = {name: reading.get(name) if alike else None for name in WRITTEN}
    between = delimiter or said["delimiter"] or USUAL.get(path.suffix.lower(), ",")
    text = encoding or said["encoding"] or "utf-8"
    text = "utf-8-sig" if text.replace("_", "-").lower() in ("utf-8", "utf8") else text
    return CsvForm(text, DELIMITER_NAMES.get(between, between), said["quote"] != "none", said["header"])


@contextmanager
def opened_csv(path: Path, form: CsvForm) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """Yield the names of the columns and the rows after them; blank lines are no rows.

    Raises:
        ValueError: no names, a name twice, or a row of another width; names it.
    """
    csv.field_size_limit(MOST_CELL)
    with path.open(encoding=form.encoding, newline="") as file:
        try:
            yield _names_and_rows(path, file, form)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not {form.encoding}: say what it is with --encoding") from error
        except csv.Error as error:
            raise ValueError(f"{path}: {error}") from error


def _names_and_rows(path: Path, file: TextIO, form: CsvForm) -> tuple[list[str], Iterator[list[str]]]:
    reader = csv.reader(file, delimiter=form.delimiter, quoting=csv.QUOTE_MINIMAL if form.quoted else csv.QUOTE_NONE)
    lines: Iterator[list[str]] = (cells for cells in reader if cells)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{path}: the file is empty")
    if form.header in (None, "first"):
        names = [name or f"unnamed_{place}" for place, name in enumerate(first, start=1)]
    else:
        names = [f"c{place}" for place in range(1, len(first) + 1)] if form.header == "none" else list(form.header)
        lines = chain([first], lines)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: two columns are called {twice!r}")
    return names, _of_one_width(path, lines, len(names))


def _of_one_width(path: Path, lines: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    for row, cells in enumerate(lines, start=1):
        if len(cells) != width:
            raise ValueError(f"{path}: row {row} has {len(cells)} cells, there are {width} columns")
        yield cells


def in_blocks(rows: Iterator[list[str]], places: Mapping[str, int], n_rows: int) -> Iterator[dict[str, list[str]]]:
    """Yield the named columns of so many rows at a time.

    Args:
        rows: of all cells.
        places: which columns, by name.
        n_rows: of a block.
    """
    while block := list(islice(rows, n_rows)):
        yield {name: [cells[place] for cells in block] for name, place in places.items()}
