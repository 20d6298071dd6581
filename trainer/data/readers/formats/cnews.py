"""cnews, the usual part of THUCNews: ``cnews.train.txt`` and the like, a label, a TAB and a text, without a header."""

import re
from dataclasses import replace
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable, TableBlocks, Wanted
from trainer.data.readers.formats import delimited

NAME = "a file of cnews (THUCNews)"
ENDINGS = ()
ALSO = (".txt",)
MAGIC = ()
USES = delimited.USES
FILE = re.compile(r"cnews\.(train|val|test)")
LINE = re.compile(r"[^\s\t]{1,10}\t[^\t]+")


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the name is that of a file of cnews, and its first line a short word and a text."""
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "ignore").rstrip("\r")
    return bool(FILE.fullmatch(path.stem)) and LINE.fullmatch(first) is not None


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the labels and texts, a double quote being a plain character."""
    return delimited.read(path, _as_delimited(columns))


def read_blocks(path: Path, columns: ColumnOptions, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Return the same cells block by block, or None where the file is to be read whole."""
    return delimited.read_blocks(path, _as_delimited(columns), wanted, n_rows)


def _as_delimited(columns: ColumnOptions) -> ColumnOptions:
    default = ColumnOptions()
    quote = "none" if columns.quote == default.quote else columns.quote
    return replace(columns, quote=quote, header=columns.header or ["label", "text"])
