"""The image sets of PASCAL VOC: a folder with ``ImageSets/Main/CLASS_PART.txt``, lines of an image and -1, 0 or 1."""

from collections import defaultdict
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "image sets of PASCAL VOC"
ENDINGS = ()
ALSO = ()
MAGIC = ()
USES = frozenset[str]()
SETS, IMAGES = "ImageSets/Main", "JPEGImages"
PARTS = ("train", "val", "test")
MARKS = ("-1", "0", "1")  # absent, too difficult to count, present


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it is a folder with image sets of classes."""
    return path.is_dir() and bool(_sets(path))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the image files, the classes in them, and the part that each is in."""
    sets = _sets(path)
    labels: dict[str, set[str]] = defaultdict(set)
    part_of: dict[str, str] = {}
    n_difficult = 0
    for file, label, part in sets:
        for name, mark in _lines(file):
            if part_of.setdefault(name, part) != part:
                raise DataError(f"{file}: image '{shown(name, 40)}' is in {part} and in {part_of[name]}")
            labels[name].update([label] if mark == "1" else [])
            n_difficult += mark == "0"
    split = "split" if len(set(part_of.values())) > 1 else None
    items = [
        Item(name, name, _cells(path, name, part if split else None), one_vote(labels[name]), "without a class")
        for name, part in part_of.items()
    ]
    notes = [f"marks of 0, for objects that are difficult to see, read as absent: {n_difficult}"] if n_difficult else []
    return annotated_table(path, items, columns, split=split, notes=notes)


def _sets(folder: Path) -> list[tuple[Path, str, str]]:
    """Return the files with their class and part; those of train and val together are left out."""
    found = [(file, *file.stem.rpartition("_")[::2]) for file in sorted((folder / SETS).glob("*_*.txt"))]
    return [(file, label, part) for file, label, part in found if label and part in PARTS]


def _lines(file: Path) -> list[tuple[str, str]]:
    lines = decode_text(file, "utf-8", header=False).decode().splitlines()
    rows = [line.split() for line in lines if line.strip()]
    wrong = next((row for row, cells in enumerate(rows, start=1) if len(cells) != 2 or cells[1] not in MARKS), None)
    if wrong:
        raise DataError(f"{file} line {wrong}: not an image and one of {', '.join(MARKS)}")
    return [(name, mark) for name, mark in rows]


def _cells(folder: Path, name: str, part: str | None) -> dict[str, str]:
    in_folder = IMAGES if (folder / IMAGES).is_dir() else "."
    return {"file": f"{in_folder}/{name}.jpg", **({"split": part} if part else {})}
