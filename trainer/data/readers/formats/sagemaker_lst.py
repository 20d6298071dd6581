"""Lists of images of SageMaker and MXNet: a number, the class (or 0 and 1 for each class) and the file, with TABs."""

from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "an image list (.lst)"
ENDINGS = (".lst",)
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding"})


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: whatever ends so is read as a list."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the image files and their classes, which are numbers; of several, those that are 1."""
    lines = decode_text(path, columns.encoding, header=False).decode().splitlines()
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, start=1) if line.strip()]
    width = len(rows[0][1])
    items = []
    for number, cells in rows:
        if len(cells) < 3 or len(cells) != width:
            said = shown(lines[number - 1], 60)
            raise DataError(f"{path} line {number}: '{said}' is not INDEX<TAB>CLASS<TAB>FILE as line {rows[0][0]} is")
        labels = _labels(path, number, cells[1:-1])
        items.append(Item(cells[0].strip(), f"line {number}", {"file": cells[-1].strip()}, one_vote(labels)))
    return annotated_table(path, items, columns)


def _labels(path: Path, number: int, cells: list[str]) -> tuple[str, ...]:
    try:
        values = [float(cell) for cell in cells]
        whole = [int(value) for value in values]
    except (ValueError, OverflowError) as problem:
        raise DataError(f"{path} line {number}: classes are numbers here: {problem}") from problem
    if whole != values or (len(whole) > 1 and not set(whole) <= {0, 1}):
        raise DataError(f"{path} line {number}: {cells} is no class number, nor 0 and 1 for each class")
    return (str(whole[0]),) if len(whole) == 1 else tuple(str(place) for place, value in enumerate(whole) if value)
