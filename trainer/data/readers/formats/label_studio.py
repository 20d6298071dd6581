"""What Label Studio exports of a classification (tags Choices, Taxonomy, Rating): JSON, JSON-MIN, CSV or TSV."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import NOT_ANNOTATED, Item, LabelList, annotated_table, choose, merged
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.json_records import Record, each_record, first_object, read_records
from trainer.data.readers.text_decoding import decode_text
from trainer.data.readers.xml_files import read_xml
from trainer.errors import DataError

NAME = "an export of Label Studio"
TOOL = "Label Studio"
ENDINGS = ()
ALSO = (".json", ".csv", ".tsv")
MAGIC = ()
USES = frozenset({"encoding"})
DELIMITERS = {".csv": ",", ".tsv": "\t"}
ALWAYS = frozenset({"annotation_id", "annotator", "created_at", "lead_time", "updated_at"})  # columns of a flat export
NO_DATA = ALWAYS | {"id", "agreement"}
VALUES = ("choices", "taxonomy", "rating")  # of results that are a class
CONFIGS = ("label_config.xml", "labeling_config.xml", "config.xml")  # of the project, next to the export
SKIPPED, WITHOUT = "skipped", "annotated without a choice"


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the first record, or the header, has Label Studio's keys."""
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter:
        lines = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore").splitlines()
        return bool(lines) and set(next(csv.reader(lines[:1], delimiter=delimiter), [])) >= ALWAYS
    first = first_object(path, head)
    return _is_whole(first) or first.keys() >= ALWAYS


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the data of the tasks, what was chosen, and the ids of the tasks."""
    if path.suffix.lower() in DELIMITERS:
        records = _table_records(path, columns.encoding)
    else:
        records = read_records(path, columns.encoding)
    if _is_whole(records[0].values):
        name, items = _items(path, records, columns.labels)
    else:
        name, items = _flat_items(path, records, columns.labels)
    return annotated_table(path, items, columns, label=name, listed=_listed(path.parent, name))


def _is_whole(values: Mapping[str, Any]) -> bool:
    annotations = values.get("annotations", values.get("completions"))
    return isinstance(values.get("data"), dict) and isinstance(annotations, list)


def _items(path: Path, records: Sequence[Record], wanted: Sequence[str]) -> tuple[str, list[Item]]:
    """Return what was labelled, and the tasks, of the export that has everything."""
    for record in records:
        if not _is_whole(record.values):
            raise DataError(f"{path} {record.place}: no data or annotations, as Label Studio's tasks have")
    found = [one for of_record in each_record(path, records, _results, TOOL) for one in of_record]
    names = dict.fromkeys(name for name, kind in found if kind in VALUES)
    others = {kind for _, kind in found} - set(VALUES)
    if not names and found:
        raise DataError(f"{path}: its results are {', '.join(sorted(others))}: only {', '.join(VALUES)} are classes")
    name = choose(path, wanted, names, "choice") if names else "label"
    return name, each_record(path, records, lambda record: _item(record, name), TOOL)


def _results(record: Record) -> list[tuple[str, str]]:
    """Return the name and the type of each thing that was said."""
    results = [result for one in _annotations(record) for result in one.get("result") or ()]
    return [(str(result.get("from_name")), str(result.get("type"))) for result in results]


def _annotations(record: Record) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = record.values.get("annotations", record.values.get("completions") or [])
    return found


def _item(record: Record, name: str) -> Item:
    votes, why_not = {}, NOT_ANNOTATED
    for place, annotation in enumerate(_annotations(record)):
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            why_not = SKIPPED
            continue
        results = [one for one in annotation.get("result") or () if one.get("from_name") == name]
        labels = sorted({label for one in results for label in _classes(one.get("value") or {})})
        why_not = WITHOUT
        if labels:
            votes[_annotator(annotation.get("completed_by"), place)] = tuple(labels)
    values = record.values
    return Item(str(values.get("id", record.place)), record.place, _texts(values["data"]), votes, why_not)


def _annotator(said: object, place: int) -> str:
    """Return who annotated; without a name each annotation is another person's."""
    who = said.get("id", said.get("email")) if isinstance(said, dict) else said
    return f"annotation {place + 1}" if who is None else str(who)


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in data.items() if isinstance(value, str | int | float)}


def _classes(value: Mapping[str, Any]) -> Iterable[str]:
    yield from (str(choice) for choice in value.get("choices") or ())
    yield from ("/".join(map(str, path)) for path in value.get("taxonomy") or ())
    if isinstance(value.get("rating"), int | float):
        yield str(value["rating"])


def _table_records(path: Path, encoding: str) -> list[Record]:
    text = io.StringIO(decode_text(path, encoding).decode(), newline="")
    rows = csv.DictReader(text, delimiter=DELIMITERS[path.suffix.lower()], strict=True)
    try:
        records = [Record(f"row {number}", row) for number, row in enumerate(rows, start=1)]
    except csv.Error as problem:
        raise DataError(f"{path} line {rows.line_num}: not readable ({problem}): export it again") from problem
    wrong = next((record.place for record in records if None in record.values or None in record.values.values()), None)
    if wrong or not records:
        raise DataError(f"{path}: {wrong or 'no rows'}: its cells are not those of the header: export it again")
    return records


def _flat_items(path: Path, records: Sequence[Record], wanted: Sequence[str]) -> tuple[str, list[Item]]:
    """Return what was labelled, and the tasks, of an export with a row for each annotation.

    Raises:
        DataError: nothing says which column is the choice.
    """
    names = dict.fromkeys(name for record in records for name in record.values if name not in NO_DATA)
    label = choose(path, wanted, _choices(records, names), "choice")

    def item(record: Record) -> Item:
        values = record.values
        labels = _flat_labels(values.get(label))
        data = _texts({name: values.get(name) for name in names if name != label})
        annotated = values["annotation_id"] not in (None, "")
        votes = {_annotator(values["annotator"], int(record.place.split()[1])): labels} if labels else {}
        why_not = WITHOUT if annotated else NOT_ANNOTATED
        name = record.place if values.get("id") in (None, "") else str(values["id"])
        return Item(name, record.place, data, votes, why_not)

    return label, merged(each_record(path, records, item, TOOL))


def _choices(records: Sequence[Record], names: Mapping[str, None]) -> list[str]:
    """Return the columns that may be what was chosen: all but the text, or those with one value for many rows."""
    others = [name for name in names if name != "text"]
    if len(others) < 2:
        return others
    values = defaultdict(list)
    for record in records:
        for name in others:
            values[name].append(str(record.values.get(name)))
    return [name for name in others if 2 * len(set(values[name])) <= len(values[name])]


def _flat_labels(cell: object) -> tuple[str, ...]:
    """Return the labels of a cell: one is written as it is, several as an object, ``{"choices": [...]}``."""
    value = cell
    if isinstance(cell, str) and cell[:1] in ("{", "["):
        try:
            value = json.loads(cell)
        except ValueError:
            value = cell
    if isinstance(value, str | int | float):
        return (str(value),) if str(value).strip() else ()
    found = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    return tuple(sorted({label for one in found for label in _classes(one)}))


def _listed(folder: Path, name: str) -> LabelList | None:
    """Return the choices of the labelling configuration, where it lies next to the export."""
    for file in (folder / config for config in CONFIGS):
        if not file.is_file():
            continue
        tags = [tag for tag in read_xml(file).iter("Choices") if tag.get("name") == name]
        choices = {str(one.get("alias") or one.get("value")) for tag in tags for one in tag.iter("Choice")}
        if choices:
            return LabelList(choices, file.name)
    return None
