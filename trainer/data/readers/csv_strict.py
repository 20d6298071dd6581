"""CSV bytes to a table of text cells; whatever would shift or swallow cells is refused with its row."""

import codecs
import csv
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.roles import setting
from trainer.data.readers.contract import Wanted
from trainer.data.readers.csv_form import ROW_NAMES, CsvForm, without_preamble
from trainer.data.readers.text_decoding import line_at
from trainer.errors import DataError, shown
from trainer.system import arrow_files

JSON = re.compile(r'\s*(\[\s*(\{\s*("|$)|$)|\{\s*"[^"]*"\s*:)')  # of an array of objects, or a line of one
SEVERAL_SIGNS = re.compile(r"""(?!__)(?:_[^\w\s"']_|[^\w\s"'.,;()\[\]{}<>?!-]{2,4})""")
NUMBERS_APART = re.compile(r"\s*(?:[+-]?[\d.]+(?:[eE][+-]?\d+)?(?:\s+|$)){3,}")
USUAL_DELIMITERS = (";", "\t", ",", "|", "^", "~", "\x01", "\x1f")  # the last ones of Hive and of ASCII itself
EDGES = b'\n\r"'  # a quote that opens a cell has one of them, or the delimiter, before it; one that closes it, after it
MARKS = re.compile(rb"(\A|[\r\n])(?:" + codecs.BOM_UTF8 + rb")+")
BLOCK_BYTES = 1 << 26  # a row must fit into one block


def parse_csv(payload: bytes, file: Path, form: CsvForm) -> tuple[pa.Table, CsvForm, tuple[str, ...]]:
    """Parse UTF-8 CSV: RFC 4180 quoting, line breaks inside quotes, any line ends, blank lines skipped.

    Args:
        payload: the file without byte order mark.
        file: named in messages.
        form: how it is written.

    Returns:
        The rows, every cell as text, the form as the file says it, and notes on lines left out.

    Raises:
        DataError: names the row, counted from 1 after the header.
        ConfigError: the names given are not as many as the columns.
    """
    payload, marks = _without_marks(payload)
    rest, form, notes = without_preamble(payload, form, file)
    first_line = line_at(payload, len(payload) - len(rest))
    if form.quoted:
        _check_quotes(rest, form, file, first_line)
    lines = form.rows(_lines(rest))
    header: list[str] = next(lines, [])
    check_delimiter(header, form.delimiter, file)
    form = replace(form, row_names=form.has_header and _begins_with_row_name(header, lines))
    names = form.names(header, file)
    try:
        table = parse_rows(arrow_files.copied(rest), len(rest), form, names)
    except pa.ArrowException as problem:
        n_columns = len(names) - form.row_names
        raise row_problem(_lines(rest), form, n_columns, file, str(problem), first_line) from problem
    if form.row_names and len(pc.unique(table[ROW_NAMES])) < max(2, table.num_rows):  # no names: a cell too many
        raise row_problem(_lines(rest), form, len(header), file, "", first_line)
    return table, form, (*marks, *notes)


def _without_marks(payload: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Leave out byte order marks at the beginning of lines, as files have that were put together; tell where."""
    found = MARKS.search(payload) if codecs.BOM_UTF8 in payload else None
    if found is None:
        return payload, ()
    line = line_at(payload, found.end())
    return MARKS.sub(rb"\1", payload), (f"a byte order mark inside the file, first in line {line}: left out",)


def _begins_with_row_name(header: list[str], lines: Iterator[list[str]]) -> bool:
    """Whether the row after the header has one cell more, and not for a delimiter at its end."""
    try:
        following = next(filter(None, lines), [])
    except csv.Error:  # a cell too long for Python's reader: Arrow reads it
        return False
    return bool(header) and len(following) == len(header) + 1 and following[0] != "" != following[-1]


def read_header(lines: TextIO, form: CsvForm) -> list[str]:
    """Return the cells of the first row; ``lines`` end as they do in the file."""
    return next(form.rows(lines), [])


def check_delimiter(header: list[str], separator: str, file: Path) -> None:
    """Refuse JSON, and a header of one cell that holds another usual delimiter: it was split at the wrong character.

    Raises:
        DataError: names the format, or the delimiter.
    """
    if JSON.match(header[0] if header else ""):
        name, ending = ("json_array", ".json") if header[0].lstrip()[0] == "[" else ("json_lines", ".jsonl")
        raise DataError(
            f"{file}: this is JSON, which its ending does not say: rename it to end in {ending}, or set "
            f"data.format={name}"
        )
    if len(header) > 1:
        return
    several = next((sign for sign in SEVERAL_SIGNS.findall(header[0]) if header[0].count(sign) > 1), None)
    if several is not None and separator not in several:
        sign = re.sub(r"([.*\[\]^$/\\])", r"\\\1", several)
        copied = f"sed 's/{sign}/\\t/g' {shlex.quote(str(file))} > {shlex.quote(f'{file.stem}.tsv')}"
        raise DataError(
            f"{file}: only one column when split at {_named(separator)}: '{several}' is between its cells, and "
            f"data.delimiter is one character\nread a copy with tabs: {copied}"
        )
    if NUMBERS_APART.fullmatch(header[0]):
        copied = rf"sed 's/^ *//; s/ *$//; s/  */\t/g' {shlex.quote(str(file))} > {shlex.quote(f'{file.stem}.tsv')}"
        raise DataError(
            f"{file}: only one column when split at {_named(separator)}: spaces are between its cells, no names above "
            f"them\nread a copy with tabs and data.header=none: {copied}"
        )
    counts = {other: header[0].count(other) for other in USUAL_DELIMITERS if other != separator}
    likely = max(counts, key=lambda other: counts[other])
    if counts[likely]:
        now, kind = (_named(one) for one in (separator, likely))
        setting = "data.delimiter=tab" if likely == "\t" else f'"data.delimiter={kind}"'
        raise DataError(
            f"{file}: only one column when split at {now}, but the header has {kind}: set {setting}\n"
            f"header: {shown(header[0])}"
        )


def _named(separator: str) -> str:
    return "TAB" if separator == "\t" else f"'{ascii(separator)[1:-1]}'"


def parse_rows(stream: Any, n_bytes: int, form: CsvForm, names: list[str]) -> pa.Table:
    """Return the rows, without the header, of one of Arrow's files, every cell as text.

    Raises:
        pyarrow.ArrowException: a row has more or fewer cells than there are names.
    """
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(stream, **_reading(form, names, min(n_bytes + 1, BLOCK_BYTES)))


def open_rows(stream: Any, block_bytes: int, form: CsvForm, names: list[str], wanted: Wanted | None = None) -> Any:
    """Return a reader of the same rows, which yields them in batches of about so many bytes of text.

    Args:
        stream: one of Arrow's files.
        block_bytes: into which a row must fit.
        form: how it is written.
        names: of its columns.
        wanted: columns that are read, and which as numbers; None = all, as text.
    """
    from pyarrow import csv as arrow_csv

    return arrow_csv.open_csv(stream, **_reading(form, names, block_bytes, wanted))


def _reading(form: CsvForm, names: list[str], block_bytes: int, wanted: Wanted | None = None) -> dict[str, Any]:
    from pyarrow import csv as arrow_csv

    wanted = wanted or Wanted(frozenset(names))
    kept = [name for name in names if name in wanted.names]
    return {
        "read_options": arrow_csv.ReadOptions(
            column_names=names, skip_rows_after_names=int(form.has_header), block_size=block_bytes
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=form.delimiter, quote_char='"' if form.quoted else False, newlines_in_values=form.quoted
        ),
        "convert_options": arrow_csv.ConvertOptions(
            include_columns=kept,
            column_types={name: pa.float64() if name in wanted.numbers else pa.string() for name in kept},
            null_values=["", *wanted.missing],
            strings_can_be_null=False,
        ),
    }


def _lines(payload: bytes) -> TextIO:
    return io.TextIOWrapper(io.BytesIO(payload), encoding="utf-8", newline="")


def row_problem(
    lines: TextIO, form: CsvForm, n_columns: int, file: Path, parser_words: str, first_line: int = 1
) -> DataError:
    """Find the first row that is longer or shorter than the header.

    Args:
        lines: of the file from the header on, their ends as they are there.
        form: how it is written.
        n_columns: that a row should have.
        file: named in the message.
        parser_words: what the parser said, for want of such a row.
        first_line: number of the first of the lines.
    """
    reader = form.rows(lines)
    what = "the header has" if form.has_header else "the first row has"
    first, n_wrong, row = "", 0, -int(form.has_header)
    try:
        for cells in reader:
            row += bool(cells)
            if cells and len(cells) != n_columns:
                n_wrong += 1
                first = first or (
                    f"row {row} (line {reader.line_num + first_line - 1}) has {len(cells)} cells, {what} {n_columns}"
                )
    except csv.Error as problem:
        parser_words = f"{parser_words}; {problem}"
    if not first:
        return DataError(f"{file}: not readable as CSV ({shown(parser_words)})")
    more = f"; {n_wrong} such rows in all" if n_wrong > 1 else ""
    return DataError(
        f"{file}: {first}{more}\n"
        f"add or remove cells there; put cells that contain the delimiter '{form.delimiter}' in double quotes"
    )


def _check_quotes(payload: bytes, form: CsvForm, file: Path, first_line: int) -> None:
    """Refuse a quote never closed, or closed in the middle of a cell: it would swallow rows silently."""
    separator = form.delimiter
    if b'"' not in payload or _quotes_pair_up(payload, separator):
        return
    found = _first_bad_quote(payload, separator)
    if found is None:
        return
    opened, closed = found
    row = _row_at(payload, opened, separator) + int(not form.has_header)
    line = line_at(payload, opened) + first_line - 1
    place = "the header" if row == 0 else f"row {row} (line {line})"
    if closed is None:
        problem = "a double quote opens a cell and is never closed"
    else:
        end = line_at(payload, closed) + first_line - 1
        problem = f"a quoted cell ends in line {end} with text right after its closing quote"
    cell = shown(payload[opened : opened + 200].decode(errors="ignore"), 60)
    raise DataError(
        f"{file}: unbalanced quote in {place}: {problem}\n"
        f"it begins: {cell}\n{_other_delimiter(payload, closed) if row == 0 else ''}"
        'close it, or write a double quote inside a quoted cell as "", or set data.quote=none if quotes are plain '
        "characters in this file"
    )


def _other_delimiter(payload: bytes, closed: int | None) -> str:
    """Return what to set where a header's quoted name ends before another delimiter, as in ``"a";"b"``."""
    after = payload[closed + 1 : closed + 2].decode(errors="ignore") if closed is not None else ""
    return f"if cells end at '{after}', set {setting('data.delimiter', after)}; else " if after in (";", "|") else ""


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
