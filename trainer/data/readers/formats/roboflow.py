"""What Roboflow exports of a classification of images: ``_classes.csv`` with a column of 0 and 1 for each class.

The export is a folder with one such file in each of ``train``, ``valid`` and ``test``, next to the images.
"""

import csv
import io
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "an export of Roboflow"
ENDINGS = ()
ALSO = (".csv",)
MAGIC = ()
USES = frozenset({"encoding"})
FILE = "_classes.csv"
PARTS = ("train", "valid", "test")


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether a file is called as Roboflow calls it and begins so, or a folder has such files in its parts."""
    if path.is_dir():
        return bool(_parts(path))
    return path.name == FILE and head.removeprefix(b"\xef\xbb\xbf").startswith(b"filename,")


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the image files, their classes, and of a folder the part that each is in."""
    if not path.is_dir():
        return annotated_table(path, _items(path, columns.encoding, ""), columns)
    parts = _parts(path)
    items = [item for part in parts for item in _items(path / part / FILE, columns.encoding, part)]
    return annotated_table(path, items, columns, split="split" if len(parts) > 1 else None)


def _parts(folder: Path) -> list[str]:
    return [part for part in PARTS if (folder / part / FILE).is_file()]


def _items(file: Path, encoding: str, part: str) -> list[Item]:
    lines = csv.reader(io.StringIO(decode_text(file, encoding).decode(), newline=""), skipinitialspace=True)
    rows = [[cell.strip() for cell in line] for line in lines if line]
    classes = rows[0][1:]
    return [_item(file, number, cells, classes, part) for number, cells in enumerate(rows[1:], start=1)]


def _item(file: Path, number: int, cells: list[str], classes: list[str], part: str) -> Item:
    name, *marks = cells
    wrong = [mark for mark in marks if mark not in ("0", "1")]
    if wrong or len(marks) != len(classes):
        said = (
            f"'{shown(wrong[0], 30)}' is neither 0 nor 1" if wrong else f"{len(marks)} marks of {len(classes)} classes"
        )
        raise DataError(f"{file} row {number}: {said}: export it again")
    labels = tuple(label for label, mark in zip(classes, marks, strict=True) if mark == "1")
    place = f"{part}/{name}" if part else name
    cells_of_it = {"file": place, **({"split": part} if part else {})}
    return Item(place, f"row {number}", cells_of_it, one_vote(labels), "without a class")
