"""CSV bytes to a table of text cells; whatever would shift or swallow cells is refused with its row."""

import csv
import io
import re
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from trainer.data.readers.text_decoding import line_at
from trainer.errors import ConfigError, DataError, shown
from trainer.system import arrow_files

DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
USUAL_DELIMITERS = (";", "\t", ",", "|")
EDGES = b'\n\r"'  # a quote that opens a cell has one of them, or the delimiter, before it; one that closes it, after it
BLOCK_BYTES = 1 << 26  # a row must fit into one block


def parse_csv(payload: bytes, file: Path, delimiter: str | None, usual_delimiter: str) -> pa.Table:
    """Parse UTF-8 CSV: RFC 4180 quoting, line breaks inside quotes, any line ends, blank lines skipped.

    Args:
        payload: the file without byte order mark.
        file: named in messages.
        delimiter: one character or ``tab``; None = ``usual_delimiter``.
        usual_delimiter: of this kind of file.

    Raises:
        DataError: names the row, counted from 1 after the header.
        ConfigError: the delimiter is not one character.
    """
    separator = separator_of(delimiter, usual_delimiter)
    payload = payload.lstrip(b"\r\n")
    _check_quotes(payload, separator, file)
    header = read_header(io.TextIOWrapper(io.BytesIO(payload), encoding="utf-8", newline=""), separator)
    check_delimiter(header, separator, file)
    names = column_names(header)
    try:
        return parse_rows(arrow_files.copied(payload), len(payload), separator, names)
    except pa.ArrowException as problem:
        raise _row_problem(payload, separator, len(names), file, str(problem)) from problem


def separator_of(delimiter: str | None, usual: str) -> str:
    """Return the character between cells.

    Raises:
        ConfigError: it is not one character.
    """
    if delimiter is None:
        return usual
    separator = DELIMITER_NAMES.get(delimiter, delimiter)
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n':
        raise ConfigError(f"data.delimiter={delimiter!r}: give one character such as ';', or tab")
    return separator


def read_header(lines: TextIO, separator: str) -> list[str]:
    """Return the cells of the first row; ``lines`` end as they do in the file."""
    return next(csv.reader(lines, delimiter=separator))


def column_names(header: list[str]) -> list[str]:
    """Return a name for each cell of the header."""
    return [name or f"unnamed_{place}" for place, name in enumerate(header, start=1)]


def check_delimiter(header: list[str], separator: str, file: Path) -> None:
    """Refuse a header of one cell that holds another usual delimiter: it was split at the wrong character.

    Raises:
        DataError: names the delimiter.
    """
    if len(header) > 1:
        return
    counts = {other: header[0].count(other) for other in USUAL_DELIMITERS if other != separator}
    likely = max(counts, key=lambda other: counts[other])
    if counts[likely]:
        now = "TAB" if separator == "\t" else f"'{separator}'"
        setting = "data.delimiter=tab" if likely == "\t" else f"\"data.delimiter='{likely}'\""
        kind = "TAB" if likely == "\t" else f"'{likely}'"
        raise DataError(
            f"{file}: only one column when split at {now}, but the header has {kind}: set {setting}\n"
            f"header: {shown(header[0])}"
        )


def parse_rows(stream: Any, n_bytes: int, separator: str, names: list[str]) -> pa.Table:
    """Return the rows after the header of one of Arrow's files, every cell as text.

    Raises:
        pyarrow.ArrowException: a row has more or fewer cells than there are names.
    """
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        stream,
        read_options=arrow_csv.ReadOptions(
            column_names=names, skip_rows_after_names=1, block_size=min(n_bytes + 1, BLOCK_BYTES)
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )


def _row_problem(payload: bytes, separator: str, n_columns: int, file: Path, parser_words: str) -> DataError:
    """Find the first row that is longer or shorter than the header."""
    lines = io.TextIOWrapper(io.BytesIO(payload), encoding="utf-8", newline="")
    reader = csv.reader(lines, delimiter=separator)
    first, n_wrong, row = "", 0, -1
    try:
        for cells in reader:
            row += bool(cells)
            if cells and len(cells) != n_columns:
                n_wrong += 1
                first = first or (
                    f"row {row} (line {reader.line_num}) has {len(cells)} cells, the header has {n_columns}"
                )
    except csv.Error as problem:
        parser_words = f"{parser_words}; {problem}"
    if not first:
        return DataError(f"{file}: not readable as CSV ({shown(parser_words)})")
    more = f"; {n_wrong} such rows in all" if n_wrong > 1 else ""
    return DataError(
        f"{file}: {first}{more}\n"
        f"add or remove cells there; put cells that contain the delimiter '{separator}' in double quotes"
    )


def _check_quotes(payload: bytes, separator: str, file: Path) -> None:
    """Refuse a quote never closed, or closed in the middle of a cell: it would swallow rows silently."""
    if b'"' not in payload or _quotes_pair_up(payload, separator):
        return
    found = _first_bad_quote(payload, separator)
    if found is None:
        return
    opened, closed = found
    row, line = _row_at(payload, opened, separator), line_at(payload, opened)
    place = "the header" if row == 0 else f"row {row} (line {line})"
    if closed is None:
        problem = "a double quote opens a cell and is never closed"
    else:
        problem = f"a quoted cell ends in line {line_at(payload, closed)} with text right after its closing quote"
    cell = shown(payload[opened : opened + 200].decode(errors="ignore"), 60)
    raise DataError(
        f"{file}: unbalanced quote in {place}: {problem}\n"
        f"it begins: {cell}\n"
        'close it, or write a double quote inside a quoted cell as ""'
    )


def _quotes_pair_up(payload: bytes, separator: str) -> bool:
    """Whether quotes open and close cells in turn (each half of a doubled quote counts as one of the two)."""
    bytes_T = np.frombuffer(payload, dtype=np.uint8)
    quotes = np.flatnonzero(bytes_T == ord('"'))
    if len(quotes) % 2:
        return False
    edges = np.zeros(256, dtype=bool)
    edges[[ord(separator), *EDGES]] = True
    before = edges[bytes_T[quotes[0::2] - 1]] | (quotes[0::2] == 0)
    after_last = quotes[1::2] == len(payload) - 1
    after = edges[bytes_T[np.minimum(quotes[1::2] + 1, len(payload) - 1)]] | after_last
    return bool(before.all() and after.all())


def _cells(separator: str) -> re.Pattern[bytes]:
    """A quoted cell at the start of a cell; a quote further in is a plain character."""
    edge = re.escape(separator.encode())
    return re.compile(rb"(?:(?<=[\r\n]|" + edge + rb')|\A)"(?:[^"]|"")*+("?)(?=(' + edge + rb"|[\r\n]|\Z)?)")


def _first_bad_quote(payload: bytes, separator: str) -> tuple[int, int | None] | None:
    """Return where the offending cell opens and, if it does, closes; None where all quotes are fine."""
    for cell in _cells(separator).finditer(payload):
        if not cell.group(1):
            return cell.start(), None
        if cell.group(2) is None:
            return cell.start(), cell.end() - 1
    return None


def _row_at(payload: bytes, place: int, separator: str) -> int:
    """Return the data row (from 1; 0 = header) that holds the byte at ``place``, outside all quotes."""
    outside = _cells(separator).sub(b"x", payload[:place])
    lines = outside.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return sum(bool(line) for line in lines[:-1])
