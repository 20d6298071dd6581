"""A large CSV file in which nothing is odd is parsed from the disk: its text is never in memory next to its cells.

All others are read by ``text_decoding`` and ``csv_strict``, which find the words for what is odd.
"""

import codecs
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from trainer.data.readers.csv_form import COMMENTED, CsvForm
from trainer.data.readers.csv_strict import EDGES, check_delimiter, parse_rows, read_header
from trainer.data.readers.text_decoding import looks_like_text
from trainer.system import arrow_files

LEAST_BYTES = 1 << 25  # a smaller file is read whole
CHUNK_BYTES = 1 << 24
HEAD_BYTES = 4096
MARKED = (b"\n" + codecs.BOM_UTF8, b"\r" + codecs.BOM_UTF8)  # a byte order mark before a row
UTF8 = ("utf-8", "utf8")


def read_sound_csv(file: Path, encoding: str, form: CsvForm) -> pa.Table | None:
    """Parse a large CSV file, or return None where it is small or to be read with more care.

    Args:
        file: to read.
        encoding: as the user gave it; only UTF-8 is read here.
        form: how it is written.

    Raises:
        DataError: only one column, and the header has another delimiter.
        ConfigError: the names given are not as many as the columns.
    """
    if encoding.lower() not in UTF8:
        return None
    try:
        if file.stat().st_size < LEAST_BYTES or count_quotes(file, form) is None:
            return None
        names = names_in(file, form)
        with arrow_files.opened(file) as stream:
            return parse_rows(stream, file.stat().st_size, form, names)
    except (OSError, pa.ArrowException):
        return None


def names_in(file: Path, form: CsvForm) -> list[str]:
    """Return the names of the columns of a sound file.

    Raises:
        DataError: only one column, and the header has another delimiter.
        ConfigError: the names given are not as many as the columns.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        header = read_header(lines, form)
    check_delimiter(header, form.delimiter, file)
    return form.names(header, file)


def count_quotes(file: Path, form: CsvForm) -> int | None:
    """Return how many quotes are in a file of UTF-8 text in which they open and close cells in turn; of others None."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_quotes, last = 0, b"\n"
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        if not looks_like_text(head) or head.startswith(COMMENTED):
            return None
        stream.seek(0)
        chunk = stream.read(CHUNK_BYTES)
        while chunk:
            following = stream.read(CHUNK_BYTES)
            try:
                _require_utf8(decoder, chunk, final=not following)
            except UnicodeDecodeError:
                return None
            border = chunk[-3:] + following[:3]
            if b"\0" in chunk or any(mark in chunk or mark in border for mark in _marks(chunk, border)):
                return None
            edges = (last, following[:1] or b"\n")
            if form.quoted and not _quotes_in_turn(chunk, edges, form.delimiter, n_quotes):
                return None
            n_quotes, last, chunk = n_quotes + chunk.count(b'"'), chunk[-1:], following
    return n_quotes if n_quotes % 2 == 0 or not form.quoted else None


def _require_utf8(decoder: Any, chunk: bytes, *, final: bool) -> None:
    """Raise ``UnicodeDecodeError`` where a file goes on with what is no UTF-8; plain ASCII is told at once."""
    half_a_letter = decoder.getstate()[0]
    if half_a_letter or not chunk.isascii():
        decoder.decode(chunk, final)


def _marks(chunk: bytes, border: bytes) -> tuple[bytes, ...]:
    """Return the marks that may be there: none in plain ASCII, which is told at once."""
    return () if chunk.isascii() and border.isascii() else MARKED


def _quotes_in_turn(chunk: bytes, edges: tuple[bytes, bytes], separator: str, n_quotes: int) -> bool:
    """Whether each opening quote has the edge of a cell (or a quote) before it, each closing one after it."""
    if b'"' not in chunk:
        return True
    bytes_T = np.frombuffer(edges[0] + chunk + edges[1], dtype=np.uint8)
    is_edge = np.zeros(256, dtype=bool)
    is_edge[[ord(separator), *EDGES]] = True
    quotes = np.flatnonzero(bytes_T[1:-1] == ord('"')) + 1
    opening, closing = quotes[n_quotes % 2 :: 2], quotes[1 - n_quotes % 2 :: 2]
    return bool(is_edge[bytes_T[opening - 1]].all() and is_edge[bytes_T[closing + 1]].all())
