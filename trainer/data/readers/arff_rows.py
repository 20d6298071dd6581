"""The rows of an ARFF or KEEL file: dense or sparse, quoted, missing, weighted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.readers.arff_sparse import sparse_columns
from trainer.data.readers.attribute_header import QUOTED, Attribute, Header, unquoted, without_comment
from trainer.errors import DataError, shown
from trainer.system import arrow_files

NOT_CSV = re.compile(r"[{}%\t]")  # rows without any of these, and with one kind of quotes, are read as CSV
QUOTED_TEXT = re.compile(QUOTED)
OTHER_ESCAPE = re.compile(r"\\[^'\"\\%]")
COMMENT_LINES = re.compile(r"^[ \t]*%.*\n?", re.MULTILINE)
CELL = re.compile(rf"\s*({QUOTED}|[^,\t]*?)\s*(?:[,\t]|$)")
WEIGHT = re.compile(r"[,\s]*\{\s*([^{},\s'\"]+)\s*\}\s*$")
BETWEEN = re.compile(r"\s*[,\t]\s*")
Row = list[str | None]  # None = missing


@dataclass(frozen=True)
class Cells:
    """What stands in the rows.

    Attributes:
        columns: (N,) each, numbers as float64 and all else as text; null = missing.
        weights: of the rows, or None where none has one.
    """

    columns: list[Any]
    weights: list[str] | None


def read_cells(header: Header, file: Path, missing: tuple[str, ...] = ("?",)) -> Cells:
    """Return the cells of all rows.

    Args:
        header: with the rows after it.
        file: named in messages.
        missing: what stands, without quotes, where there is no value.

    Raises:
        DataError: a row has too few or too many values, a number is none, or a value is not declared.
    """
    weights: list[str | None] = []
    columns = _as_csv(header, missing)
    if columns is None:
        lines = list(_row_lines(header))
        if not lines:
            raise DataError(f"{file}: no rows after @data")
        weights = [_weight(line) for _, line in lines]
        read = sparse_columns if lines[0][1].startswith("{") else _dense_columns
        columns = read([(n, _unweighted(line)) for n, line in lines], header.attributes, file, missing)
    columns = [_typed(*at, file) for at in zip(columns, header.attributes, range(len(columns)), strict=True)]
    return Cells(columns, [weight or "1" for weight in weights] if any(weights) else None)


def _as_csv(header: Header, missing: tuple[str, ...]) -> list[Any] | None:
    """Return the columns as Arrow reads them; None where rows have escapes, weights and the like, or are wrong."""
    from pyarrow import csv

    text = COMMENT_LINES.sub("", header.data) if "%" in header.data else header.data
    quotes = [quote for quote in "'\"" if quote in text]
    escaped = "\\" in text
    if len(quotes) > 1 or NOT_CSV.search(text) or not text.strip() or (escaped and not _plain_escapes(text)):
        return None
    kinds = [pa.float64() if attribute.kind == "numeric" else pa.string() for attribute in header.attributes]
    names = [str(place) for place in range(len(kinds))]
    payload = text.encode()
    try:
        table = csv.read_csv(
            arrow_files.copied(payload),
            csv.ReadOptions(column_names=names, block_size=min(len(payload) + 1, 1 << 26)),
            csv.ParseOptions(
                quote_char=quotes[0] if quotes else False, double_quote=False, escape_char="\\" if escaped else False
            ),
            csv.ConvertOptions(
                column_types=dict(zip(names, kinds, strict=True)),
                null_values=list(missing),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return _trimmed(table.columns, missing, quoted=bool(quotes))


def _plain_escapes(text: str) -> bool:
    """Return whether each backslash is in quotes, before a quote or another backslash."""
    return not OTHER_ESCAPE.search(text.replace("\\\\", "")) and "\\" not in QUOTED_TEXT.sub("", text)


def _trimmed(columns: Sequence[Any], missing: tuple[str, ...], *, quoted: bool) -> list[Any] | None:
    """Return the columns without white space around text; None where it may be inside of quotes, or a cell is empty."""
    found = []
    for column in columns:
        if column.type == pa.string():
            cells = pc.utf8_trim_whitespace(column)
            if quoted and not pc.all(pc.equal(cells, column), min_count=0).as_py():
                return None
            column = cells if quoted else pc.if_else(pc.is_in(cells, pa.array(missing)), None, cells)
            if pc.any(pc.equal(column, pa.scalar("")), min_count=0).as_py():
                return None
        found.append(column)
    return found


def _row_lines(header: Header) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(header.data.split("\n"), start=header.first_line):
        content = (without_comment(line) if "%" in line else line).strip()
        if content:
            yield number, content


def _weight(line: str) -> str | None:
    """Return the weight in braces after a row."""
    found = WEIGHT.search(line) if line.endswith("}") else None
    return found[1] if found and found.start() else None


def _unweighted(line: str) -> str:
    return line if _weight(line) is None else WEIGHT.sub("", line)


def _dense_columns(
    lines: Sequence[tuple[int, str]], attributes: Sequence[Attribute], file: Path, missing: tuple[str, ...]
) -> list[Any]:
    rows: list[Row] = []
    for number, line in lines:
        cells = _split(line)
        if len(cells) != len(attributes) or "" in cells:
            where = f"{file}: row {len(rows) + 1} (line {number})"
            raise DataError(f"{where} {_wrong(cells, attributes, line)}: {shown(line)}")
        rows.append([unquoted(cell) if cell[0] in "'\"" else None if cell in missing else cell for cell in cells])
    return [pa.chunked_array([pa.array(cells, pa.string())]) for cells in zip(*rows, strict=True)]


def _wrong(cells: Sequence[str], attributes: Sequence[Attribute], line: str) -> str:
    if line.startswith("{"):
        return "is sparse, the rows before it are not"
    if len(cells) != len(attributes):
        return f"has {len(cells)} values for {len(attributes)} attributes"
    return f"has no value for '{attributes[cells.index('')].name}' (a missing one is written ?)"


def _split(line: str) -> list[str]:
    """Return the values, quotes with them: between commas or TABs, else white space."""
    if "'" not in line and '"' not in line:
        if "\t" in line:
            return BETWEEN.split(line)
        return [cell.strip() for cell in line.split("," if "," in line else None)]
    cells = CELL.findall(line)
    return cells if line[-1] in ",\t" else cells[:-1]  # the end of a line is an empty match


def _typed(column: Any, attribute: Attribute, place: int, file: Path) -> Any:
    """Return numbers as float64; refuse a value that a nominal attribute does not have."""
    if attribute.kind == "nominal":
        _require_declared(column, attribute, file, place)
    if attribute.kind != "numeric" or column.type == pa.float64():
        return column
    try:
        return pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        numbers = [_number(*at, attribute, file) for at in enumerate(column.to_pylist())]
        return pa.chunked_array([pa.array(numbers, pa.float64())])


def _number(row: int, cell: str | None, attribute: Attribute, file: Path) -> float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        raise DataError(
            f"{file}: row {row + 1} '{shown(cell or '', 60)}' of '{attribute.name}' is not a number, which the header "
            "declares: mend the cell, or the attribute"
        ) from None


def _require_declared(column: Any, attribute: Attribute, file: Path, place: int) -> None:
    known = pc.or_kleene(pc.is_in(column, pa.array(attribute.values, pa.string())), pc.is_null(column))
    wrong = arrow_files.as_numpy(pc.invert(known))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{file}: row {row + 1} '{shown(str(column[row]), 60)}' of '{attribute.name}' (attribute {place + 1}) is "
            f"not declared: the header has {shown(', '.join(attribute.values), 120)}\nmend the cell, or add it there"
        )
