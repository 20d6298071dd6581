"""What doccano exports of a project of text or image classification: JSONL, JSON or CSV.

The export of a project in which each annotator labels for themselves is a file for each of them; the folder with
these files is read as one table.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, LabelList, annotated_table, merged
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.find import read_head
from trainer.data.readers.json_records import Record, first_object, read_records
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

NAME = "an export of doccano"
ENDINGS = ()
ALSO = (".jsonl", ".json", ".csv")
MAGIC = ()
USES = frozenset({"encoding"})
HEADER = re.compile(rb"(\xef\xbb\xbf)?id,(text|filename),.*\blabel,Comments\r?$", re.MULTILINE)
LABEL_LIST = "label_config.json"  # as doccano exports and imports the labels of a project
JOINED = "#"  # between the labels of a cell


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether a file has doccano's keys, its column of comments among them; or a folder has such files only."""
    if path.is_dir():
        files = _files(path)
        return bool(files) and all(recognizes(file, read_head(file)) for file in files)
    if path.suffix.lower() == ".csv":
        return HEADER.match(head) is not None
    first = first_object(path, head)
    return _is_ours(first) and isinstance(first["Comments"], list)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the texts (or names of images, as ``file``), their labels and their ids; empty labels are left out."""
    files = _files(path) if path.is_dir() else [path]
    items = [item for file in files for item in _items(file, columns.encoding, annotator=file.stem)]
    one_folder = path if path.is_dir() else path.parent
    return annotated_table(path, merged(items) if path.is_dir() else items, columns, listed=_listed(one_folder))


def _files(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in ALSO and file.name != LABEL_LIST
    )


def _is_ours(values: Mapping[str, Any]) -> bool:
    return {"id", "label", "Comments"} <= values.keys() and ("text" in values or "filename" in values)


def _items(file: Path, encoding: str, annotator: str) -> list[Item]:
    records = _csv_records(file, encoding) if file.suffix.lower() == ".csv" else read_records(file, encoding)
    return [_item(file, record, annotator) for record in records]


def _csv_records(file: Path, encoding: str) -> list[Record]:
    rows = csv.DictReader(io.StringIO(decode_text(file, encoding).decode(), newline=""), strict=True)
    try:
        return [Record(f"row {number}", _split(file, number, row)) for number, row in enumerate(rows, start=1)]
    except csv.Error as problem:
        raise DataError(f"{file} line {rows.line_num}: not readable as CSV ({problem}): export it again") from problem


def _split(file: Path, number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the list of its labels, which a cell holds joined."""
    if None in row or None in row.values() or "label" not in row:
        raise DataError(f"{file} row {number}: its cells are not those of the header: export it again")
    labels = row["label"].split(JOINED) if row["label"] else []
    if not all(labels):
        raise DataError(
            f"{file} row {number}: labels '{shown(row['label'], 60)}': doccano joins labels by {JOINED}, "
            "which is part of a label here: export JSONL"
        )
    return {**row, "label": labels}


def _item(file: Path, record: Record, annotator: str) -> Item:
    values = record.values
    labels = values.get("label", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError(
            f"{file} {record.place}: label {shown(json.dumps(labels, ensure_ascii=False), 60)} is no list of classes: "
            "is it an export of another task, such as sequence labelling?"
        )
    column = "text" if "text" in values else "filename"
    if not isinstance(values.get(column), str) or "id" not in values:
        raise DataError(f"{file} {record.place}: no text or no id, as doccano's records have: export it again")
    cells = {"text" if column == "text" else "file": values[column]}
    return Item(str(values["id"]), record.place, cells, {annotator: tuple(sorted(set(labels)))} if labels else {})


def _listed(folder: Path) -> LabelList | None:
    """Return the labels of the project, where the file that doccano exports of them lies next to the export."""
    file = folder / LABEL_LIST
    if not file.is_file():
        return None
    labels = [record.values.get("text") for record in read_records(file, "utf-8")]
    return LabelList([str(label) for label in labels], LABEL_LIST)
