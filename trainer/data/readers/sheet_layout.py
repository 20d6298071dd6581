"""What a sheet's XML says beside its cells: hidden rows and columns, merged cells, formulas without a value."""

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data.readers.archives import Archive

HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*\bhidden="(?:1|true)")[^>]*\br="(\d+)"')
COLUMNS = re.compile(rb'<(?:\w+:)?col\b(?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="(\d+)")[^>]*\bmax="(\d+)"')
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
NO_VALUE = re.compile(  # an empty text is a value: t="str"
    rb'<(?:\w+:)?c\b(?![^>]*\bt="str")[^>]*\br="([A-Z]+)(\d+)"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
FORMULA_ENDS = b"f>"
FORMAT = re.compile(rb'<(?:\w+:)?numFmt\b[^>]*\bformatCode="([^"]*)"')
STYLES = "xl/styles.xml"
LARGEST_SHEET = 2**32  # bytes, unpacked


@dataclass(frozen=True)
class Layout:
    """What is in a sheet beside the values of its cells; rows and columns are counted from 1.

    Attributes:
        hidden_rows: their numbers.
        hidden_columns: likewise.
        merged: (first row, first column, last row, last column) of cells that are one.
        without_value: (row, column) of formulas whose value is not in the file.
        number_formats: of all cells of the workbook that are not usual ones.
    """

    hidden_rows: frozenset[int]
    hidden_columns: frozenset[int]
    merged: tuple[tuple[int, int, int, int], ...]
    without_value: tuple[tuple[int, int], ...]
    number_formats: tuple[str, ...]


def read_layout(path: Path, sheet: Any) -> Layout:
    """Return the layout of a sheet that openpyxl has opened to read only."""
    with Archive(str(path), largest_bytes=LARGEST_SHEET) as archive:
        xml = archive.read(sheet._worksheet_path.lstrip("/"))
        styles = archive.read(STYLES) if STYLES in archive.members else b""
    hidden = [range(int(first), int(last) + 1) for first, last in _found(COLUMNS, b'hidden="', xml)]
    return Layout(
        frozenset(map(int, _found(HIDDEN_ROW, b'hidden="', xml))),
        frozenset(column for span in hidden for column in span),
        tuple((int(r1), number_of(c1), int(r2), number_of(c2)) for c1, r1, c2, r2 in _found(MERGED, b"mergeCell", xml)),
        tuple((int(row), number_of(column)) for column, row in _found(NO_VALUE, FORMULA_ENDS, xml)),
        tuple(html.unescape(code.decode()) for code in FORMAT.findall(styles)),
    )


def _found(pattern: re.Pattern[bytes], sign: bytes, xml: bytes) -> list[Any]:
    """Return what a pattern finds; most sheets lack the sign of it, which is looked for faster."""
    return pattern.findall(xml) if sign in xml else []


def number_of(letters: bytes) -> int:
    """Return the number of a column, from 1: that of AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def address(row: int, column: int) -> str:
    """Return the address of a cell, such as B7; rows and columns are counted from 1."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"
