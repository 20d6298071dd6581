"""Tables of the UCI repository: a .data file without a header, and a .names file that says what its columns are."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.csv_form import csv_form
from trainer.data.readers.table_checks import NUMBER
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown
from trainer.wording.lists import first_few

NAME = "a .data file of UCI"
ENDINGS = (".data",)
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding", "delimiter", "header"})
DELIMITERS = (",", ";")  # otherwise blanks
C45 = re.compile(r"^([^\s:|][^:|\n]*):[ \t]*(continuous|discrete\b.*|ignore|[^:\n]*,[^:\n]*)\.?[ \t]*$", re.MULTILINE)
SECTION = re.compile(r"attribute[s]?\s+(information|description)", re.IGNORECASE)
NUMBERED = re.compile(r"^\s*(\d+)[.):]\s+([^\s:(,;-][^:(,;\n]*)", re.MULTILINE)
NEXT_SECTION = re.compile(r"missing|class distribution|summary|number of", re.IGNORECASE)
CLASSES = ("class", "label", "target")


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: whatever ends so is read as a table without a header."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the cells, all text; the columns have the names of the .names file where their number fits.

    A few such files have a header: it is taken for one where it has no number and the row after it has.
    """
    text = decode_text(path, columns.encoding, header=False).decode()
    delimiter = csv_form(columns.delimiter, ",").separator or _delimiter(text)
    lines = list(_cells(text, delimiter))
    wrong = next((number for number, cells in enumerate(lines, start=1) if len(cells) != len(lines[0])), None)
    if wrong:
        said = f"row {wrong} has {len(lines[wrong - 1])} cells, row 1 has {len(lines[0])}"
        raise DataError(f"{path}: {said}: repair it, or set data.delimiter")
    if columns.header is None and _is_header(lines):
        columns = replace(columns, header="first")
    rows = lines[1:] if columns.header == "first" else lines
    names, notes = _named(path, columns, lines[0])
    table = pa.Table.from_arrays([pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)], names=names)
    if ignored := _ignored(path, columns, names):
        table = table.drop_columns(ignored)
        notes = (*notes, f"left out, since {path.stem}.names says ignore: {first_few(ignored)}")
    label = next((name for name in names if name.lower() in CLASSES), None)
    known = {"label": label} if label else {}
    return OpenTable(table, delimiter, notes, known, has_header=columns.header == "first")


def _is_header(lines: Sequence[Sequence[str]]) -> bool:
    numbers = [any(map(NUMBER.fullmatch, cells)) for cells in lines[:2]]
    return numbers == [False, True]


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((delimiter for delimiter in DELIMITERS if delimiter in first), " ")


def _cells(text: str, delimiter: str) -> Sequence[list[str]]:
    """Return the cells of each line without blanks around them; a run of blanks is one delimiter."""
    if delimiter == " ":
        text = text.replace("\t", " ")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = [[cell.strip() for cell in line] for line in lines]
    if delimiter == " ":
        rows = [cells[:-1] if cells and not cells[-1] else cells for cells in rows]
    return [cells for cells in rows if any(cells)]


def _named(path: Path, columns: ColumnOptions, first: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    if columns.header is not None:
        form = csv_form(columns.delimiter, ",", header=columns.header)
        notes = ["the first line has the names of the columns"] if columns.header == "first" else []
        return form.names(list(first), path), tuple(notes)
    plain = [f"c{place}" for place in range(1, len(first) + 1)]
    beside = path.with_suffix(".names")
    if not beside.is_file():
        return plain, ("no header: the columns are c1, c2, ... (data.header=[NAME,...] names them)",)
    found = attribute_names(beside.read_bytes().decode("utf-8", "replace"))
    if len(found) != len(first) or len(set(found)) < len(found):
        said = f"{beside.name} names {len(found)} attributes, the rows have {len(first)} cells"
        return plain, (f"{said}: the columns are c1, c2, ... (data.header=[NAME,...] names them)",)
    return found, (f"columns named by {beside.name}: {shown(', '.join(found), 100)}",)


def _ignored(path: Path, columns: ColumnOptions, names: Sequence[str]) -> list[str]:
    """Return the columns that a .names file in C4.5's form says to ignore, but for those that an option names."""
    beside = path.with_suffix(".names")
    if columns.header is not None or not beside.is_file():
        return []
    listed = C45.findall(beside.read_bytes().decode("utf-8", "replace"))
    named = {*columns.labels, columns.id, columns.group, columns.time, columns.split, columns.weight}
    return [name.strip() for name, kind in listed if kind == "ignore" and name.strip() in set(names) - named]


def attribute_names(text: str) -> list[str]:
    """Return the names of the attributes that a .names file lists.

    Either it has C4.5's form, in which the classes come first and an attribute is ``name: continuous.`` or
    ``name: a, b.``; the class is then the last column. Or it is prose with a numbered list of attributes.
    """
    listed = [match[1].strip() for match in C45.finditer(text) if not re.match(r"\s*\d+[.)]", match[1])]
    if len(listed) > 1:
        return [*listed, "class"]
    section = SECTION.search(text)
    if section is None:
        return []
    names: list[str] = []
    for match in NUMBERED.finditer(text, section.end()):
        if int(match[1]) != len(names) + 1 or NEXT_SECTION.match(match[2]):
            break
        names.append(re.split(r"\s{2,}|\s+in\s|\s+-", match[2].strip())[0].strip())
    return names
