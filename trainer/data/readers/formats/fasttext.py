"""fastText: a text per line, with its labels as words that begin with ``__label__``, wherever they stand."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "a fastText file"
ENDINGS = (".ft", ".fasttext")
ALSO = (".txt", ".train", ".valid", ".test", ".data")
MAGIC = (b"__label__",)
USES = frozenset({"encoding"})
PREFIX = "__label__"
LABEL = re.compile(rb"(?:^|\s)__label__\S")
WHITE = re.compile("[ \t\v\f\r\0]+")  # what fastText splits words at; other white space of Unicode is a part of them
SURE_LINES = 20  # of a file, by which it is recognized


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether most of its first lines have a label."""
    lines = [line for line in head.split(b"\n") if line.strip()][:SURE_LINES]
    return 2 * sum(1 for line in lines if LABEL.search(line)) > len(lines)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return texts and labels; several labels of a line are joined by spaces."""
    lines = decode_text(path, columns.encoding, header=False).decode().split("\n")
    texts: list[str] = []
    labels: list[list[str]] = []
    for number, line in enumerate(lines, start=1):
        words = [word for word in WHITE.split(line) if word]
        if not words:
            continue
        found = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
        if "" in found:
            raise DataError(f"{path} line {number}: a label without a name, {PREFIX} alone: {shown(line, 80)}")
        texts.append(" ".join(word for word in words if not word.startswith(PREFIX)))
        labels.append(found)
    known: dict[str, Any] = {"label": "label"}
    if any(len(found) > 1 for found in labels):
        known["label_delimiter"] = " "
    return OpenTable(pa.table({"text": texts, "label": [" ".join(found) for found in labels]}), known=known)
