"""Images as Google's AutoML and Vertex AI import them: ``[ML_USE,]gs://BUCKET/IMAGE[,LABEL...]``, without a header."""

import csv
import io
import re
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "an import file of AutoML or Vertex AI"
ENDINGS = ()
ALSO = (".csv",)
MAGIC = ()
USES = frozenset({"encoding"})
ML_USES = ("train", "training", "validation", "valid", "test", "unassigned", "")
FIRST_LINE = re.compile(rb"(\xef\xbb\xbf)?((train(ing)?|valid(ation)?|test|unassigned)?,)?\"?gs://", re.IGNORECASE)


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the first line is an image of Google's storage, with or without its part before it."""
    return FIRST_LINE.match(head) is not None


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the images, their labels, and the part that each is in where all say so."""
    text = decode_text(path, columns.encoding, header=False).decode()
    lines = enumerate(csv.reader(io.StringIO(text, newline="")), start=1)
    items = [_item(path, number, [cell.strip() for cell in line]) for number, line in lines if any(line)]
    unassigned = [item for item in items if item.cells["split"] in ("unassigned", "")]
    notes = [f"{len(unassigned)} of {len(items)} images are in no part (ML_USE): the parts are not used"]
    mixed = bool(unassigned) and len(unassigned) < len(items)
    if unassigned:
        items = [Item(one.name, one.place, {"file": one.cells["file"]}, one.votes) for one in items]
    split = None if unassigned else "split"
    return annotated_table(path, items, columns, split=split, notes=notes if mixed else ())


def _item(path: Path, number: int, cells: list[str]) -> Item:
    part, address, *labels = ["", *cells] if cells[0].lower().startswith("gs://") else [*cells, ""]
    if part.lower() not in ML_USES or not address.lower().startswith("gs://"):
        raise DataError(f"{path} line {number}: '{shown(','.join(cells), 60)}' is no [ML_USE,]gs://IMAGE[,LABEL...]")
    found = tuple(sorted({label for label in labels if label}))
    return Item(address, f"line {number}", {"file": address, "split": part.lower()}, one_vote(found))
