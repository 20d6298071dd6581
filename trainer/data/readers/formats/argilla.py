"""Records of Argilla 2: its JSON of records, a folder that ``Dataset.to_disk`` wrote, and flat records as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import NOT_ANNOTATED, Item, LabelList, annotated_table, choose
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.json_records import Record, each_record, first_object, read_records
from trainer.errors import DataError

NAME = "records of Argilla"
ENDINGS = ()
ALSO = (".json", ".jsonl")
MAGIC = ()
USES = frozenset({"encoding"})
RECORDS, SETTINGS = "records.json", ".argilla/settings.json"  # in a folder of Dataset.to_disk
RESPONSES, USERS, STATUS = ".responses", ".responses.users", ".responses.status"  # keys of a flat record, after a name


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it is a folder with Argilla's settings, or its first record has Argilla's keys."""
    if path.is_dir():
        return (path / SETTINGS).is_file() and (path / RECORDS).is_file()
    first = first_object(path, head)
    return _is_nested(first) or any(f"{name}{USERS}" in first for name in _flat_names(first))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the fields of the records, and what people chose; suggestions are no labels."""
    file = path / RECORDS if path.is_dir() else path
    records = read_records(file, columns.encoding)
    nested = each_record(file, records, lambda one: one if _is_nested(one.values) else _nested(one), "Argilla")
    questions = dict.fromkeys(name for names in each_record(file, nested, _answered, "Argilla") for name in names)
    listed = _listed(file.parent)
    names = list(questions) or list(listed)
    question = choose(file, columns.labels, names, "question")
    items = each_record(file, nested, lambda record: _item(file, record, question), "Argilla")
    return annotated_table(file, items, columns, label=question, listed=listed.get(question))


def _answered(record: Record) -> list[str]:
    """Return the questions that have an answer."""
    responses = record.values["responses"]
    return [name for name, found in responses.items() if any(_chosen(response) for response in found)]


def _is_nested(values: Mapping[str, Any]) -> bool:
    parts = [values.get(name) for name in ("fields", "responses", "suggestions")]
    return all(isinstance(part, dict) for part in parts)


def _flat_names(values: Mapping[str, Any]) -> list[str]:
    return [name.removesuffix(RESPONSES) for name in values if name.endswith(RESPONSES)]


def _nested(record: Record) -> Record:
    """Return a flat record as the other form has it; only what was submitted is a response."""
    values = record.values
    responses = {}
    for name in _flat_names(values):
        chosen, users = values[f"{name}{RESPONSES}"] or [], values.get(f"{name}{USERS}") or []
        status = values.get(f"{name}{STATUS}") or ["submitted"] * len(chosen)
        responses[name] = [
            {"value": value, "user_id": user}
            for value, user, one in zip(chosen, users, status, strict=False)
            if one in ("submitted", None)
        ]
    own = {"id", "status", "_server_id"}
    fields = {name: value for name, value in values.items() if isinstance(value, str) and name not in own}
    fields = {name: value for name, value in fields.items() if ".suggestion" not in name}
    return Record(record.place, {"id": values.get("id"), "fields": fields, "responses": responses})


def _chosen(response: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the labels of a response; none where it is text, a rating of spans, or discarded."""
    value = response.get("value")
    if isinstance(value, str | int) and value != "":
        return (str(value),)
    is_labels = isinstance(value, list) and all(isinstance(label, str) for label in value)
    return tuple(sorted(set(value))) if isinstance(value, list) and is_labels else ()


def _item(file: Path, record: Record, question: str) -> Item:
    values = record.values
    if "responses" not in values or not isinstance(values.get("fields"), dict):
        raise DataError(f"{file} {record.place}: no fields or responses, as Argilla's records have")
    responses: Sequence[Mapping[str, Any]] = values["responses"].get(question) or ()
    votes = {str(response.get("user_id")): labels for response in responses if (labels := _chosen(response))}
    cells = {name: value for name, value in values["fields"].items() if isinstance(value, str)}
    why_not = "discarded" if responses or values.get("status") == "discarded" else NOT_ANNOTATED
    return Item(str(values.get("id") or record.place), record.place, cells, votes, why_not)


def _listed(folder: Path) -> dict[str, LabelList]:
    """Return the labels of each question, as the settings of the data set have them."""
    file = folder / SETTINGS
    if not file.is_file():
        return {}
    try:
        questions = json.loads(file.read_text(encoding="utf-8"))["questions"]
        options = {question["name"]: question["settings"].get("options") for question in questions}
        values = {name: [str(option["value"]) for option in found] for name, found in options.items() if found}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as problem:
        raise DataError(f"{file}: not Argilla's settings ({problem!r}): export the data set again") from problem
    return {name: LabelList(found, SETTINGS) for name, found in values.items()}
