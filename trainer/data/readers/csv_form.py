"""How a delimited file is written: what is between cells, whether quotes are quotes, where the names stand."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError, DataError, did_you_mean

DELIMITER_NAMES = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "\\x01": "\x01",
    "\\x1f": "\x1f",
}
QUOTES = ("double", "none")
SEPARATOR_LINE = re.compile(rb'\A"?sep=(.)"?[ \t]*(?:\r\n|\r|\n)')  # as Excel reads and writes it
COMMENT = re.compile(rb"\A#[^\r\n]*(?:\r\n|\r|\n)\s*")
ROW_NAMES = "row_names"  # the column of R's row names
COMMENTED = (b"#", b"sep=", b'"sep=')


@dataclass(frozen=True)
class CsvForm:
    """The form of a delimited file.

    Attributes:
        separator: the character between cells; None = as the file says, or ``usual``.
        usual: of this kind of file.
        quoted: whether a double quote at the start of a cell opens it.
        header: ``None`` = the first line has the names, if it does not look like data; ``first`` = it has; ``none`` =
            there is no such line; or the names themselves, which no line has.
        row_names: whether rows begin with a name that the header has no cell for, as R's ``write.table`` writes them.
    """

    separator: str | None = None
    usual: str = ","
    quoted: bool = True
    header: str | tuple[str, ...] | None = None
    row_names: bool = False

    @property
    def delimiter(self) -> str:
        """The character between cells."""
        return self.separator or self.usual

    @property
    def has_header(self) -> bool:
        """Whether the first line has the names."""
        return self.header in (None, "first")

    def rows(self, text: Iterable[str]) -> Any:
        """Return the csv module's reader of a text whose lines end as they do in the file."""
        return csv.reader(text, delimiter=self.delimiter, quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE)

    def names(self, first: Sequence[str], file: Path) -> list[str]:
        """Return the names of the columns.

        Args:
            first: the cells of the first line.
            file: named in messages.

        Raises:
            ConfigError: more or fewer names are given than the line has cells.
        """
        if self.has_header:
            first = [ROW_NAMES, *first] if self.row_names else first
            return [name or f"unnamed_{place}" for place, name in enumerate(first, start=1)]
        if isinstance(self.header, str):
            return [f"c{place}" for place in range(1, len(first) + 1)]
        names = list(self.header or ())
        if len(names) != len(first):
            raise ConfigError(
                f"data.header names {len(names)} columns, the first line of {file} has {len(first)} cells"
            )
        return names


def csv_form(
    delimiter: str | None, usual: str, quote: str = "double", header: str | int | Sequence[str | int] | None = None
) -> CsvForm:
    """Return the form that the options say.

    Args:
        delimiter: one character or ``tab``; None = as the file says, or ``usual``.
        usual: of this kind of file.
        quote: ``double``, or ``none`` where quotes are plain characters.
        header: None, ``first``, ``none`` or names.

    Raises:
        ConfigError: one of them is not usable.
    """
    separator = None if delimiter is None else DELIMITER_NAMES.get(delimiter, delimiter)
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '"\r\n'):
        raise ConfigError(f"data.delimiter={delimiter!r}: give one character such as ';', or tab")
    if quote not in QUOTES:
        raise ConfigError(f"data.quote={quote}{did_you_mean(str(quote), QUOTES)}")
    if isinstance(header, str) and header not in ("first", "none"):
        raise ConfigError(f"data.header={header}: give first, none, or a list of the names, such as [id,text,label]")
    names = (
        header
        if header is None or isinstance(header, str)
        else tuple(map(str, [header] if isinstance(header, int) else header))
    )
    return CsvForm(separator, usual, quote == "double", names)


def without_preamble(payload: bytes, form: CsvForm, file: Path) -> tuple[bytes, CsvForm, tuple[str, ...]]:
    """Return the file from its first row on, its form, and notes on the lines left out.

    Left out are blank lines, Excel's ``sep=;``, and lines that begin with # and are no header.

    Raises:
        DataError: ``sep=;`` contradicts the delimiter that is given.
    """
    payload = payload.lstrip(b"\r\n")
    notes: tuple[str, ...] = ()
    said = SEPARATOR_LINE.match(payload)
    if said:
        separator = said.group(1).decode(errors="replace")
        if form.separator not in (None, separator):
            raise DataError(f"{file}: its first line is sep={separator}: leave data.delimiter out, or delete that line")
        form, notes = replace(form, separator=separator), (f"first line 'sep={separator}' is no row: left out",)
        payload = payload[said.end() :].lstrip(b"\r\n")
    rest, n_comments = payload, 0
    while (comment := COMMENT.match(rest)) and not _is_header(rest, form):
        rest, n_comments = rest[comment.end() :], n_comments + 1
    if n_comments:
        lines = "a line that begins" if n_comments == 1 else f"{n_comments} lines that begin"
        notes = (*notes, f"{lines} with # at the top left out")
    return rest, form, notes


def _is_header(payload: bytes, form: CsvForm) -> bool:
    """Whether a line that begins with # has as many cells as the next one that does not, and more than one."""
    lines = form.rows(io.TextIOWrapper(io.BytesIO(payload), encoding="utf-8", newline=""))
    first: list[str] = next(lines, [])
    following: list[str] = next((cells for cells in lines if cells and not cells[0].startswith("#")), [])
    return not following or len(first) == len(following) > 1
