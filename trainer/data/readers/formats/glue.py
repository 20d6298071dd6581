"""The tasks of GLUE as their .tsv files come: no quoting, and CoLA without a header."""

import re
from dataclasses import replace
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import HEAD_BYTES, OpenTable, TableBlocks, Wanted
from trainer.data.readers.formats import delimited

NAME = "a task of GLUE"
ENDINGS = ()
ALSO = (".tsv",)
MAGIC = ()
USES = delimited.USES
FILE = re.compile(r"(train|dev|test)(_matched|_mismatched)?")  # names of all tasks' files
TASKS = {  # the label and the id by how the header begins; that of SST-2 may be any table's
    "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String": ("Quality", None),  # MRPC, whose ids repeat
    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate": ("is_duplicate", "id"),  # QQP
    "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2": ("score", "index"),  # STS-B
    "index\tpromptID\tpairID\tgenre\t": ("gold_label", "index"),  # MNLI
    "index\tquestion\tsentence": ("label", "index"),  # QNLI
    "index\tsentence1\tsentence2": ("label", "index"),  # RTE, WNLI and the diagnostic set AX
    "sentence\tlabel": ("label", None),  # SST-2
}
COLA = re.compile(r"[a-z]+[\w-]*\t[01]\t\*?\t[^\t]+")  # source, label, what its author marked, sentence
COLA_NAMES = ("source", "label", "marked", "sentence")
LEAST = 3  # lines by which CoLA is known


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the name is that of a task's file and the header, or each line of CoLA, is as GLUE has it."""
    return bool(FILE.fullmatch(path.stem)) and path.suffix == ".tsv" and (bool(_begins(head)) or _is_cola(head))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the columns as they are called in the file, a double quote being a plain character."""
    head = _head(path)
    is_cola = _is_cola(head)
    opened = delimited.read(path, _as_delimited(columns, is_cola))
    label, id_column = ("label", None) if is_cola else TASKS.get(_begins(head), ("label", None))
    names = opened.rows.column_names
    known = {field: name for field, name in (("label", label), ("id", id_column)) if name in names}
    return replace(opened, known={**opened.known, **known})


def read_blocks(path: Path, columns: ColumnOptions, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Return the same cells block by block, or None where the file is to be read whole."""
    return delimited.read_blocks(path, _as_delimited(columns, _is_cola(_head(path))), wanted, n_rows)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _as_delimited(columns: ColumnOptions, is_cola: bool) -> ColumnOptions:
    default = ColumnOptions()
    quote = "none" if columns.quote == default.quote else columns.quote
    header = list(COLA_NAMES) if is_cola and columns.header is None else columns.header or "first"
    return replace(columns, quote=quote, header=header)


def _begins(head: bytes) -> str:
    """Return which header of a task the file has; "" for none."""
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    return next((header for header in TASKS if first.startswith(header)), "")


def _is_cola(head: bytes) -> bool:
    lines = head.decode("utf-8", "replace").splitlines()[:-1]  # the last may be cut off
    return len(lines) >= LEAST and all(map(COLA.fullmatch, lines))
