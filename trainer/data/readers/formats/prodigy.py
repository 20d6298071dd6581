"""What Prodigy's ``db-out`` writes of text classification: by a choice of options, or by accepting a label."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import NOT_ANNOTATED, Item, LabelList, annotated_table
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.json_records import Record, each_record, first_object, read_records
from trainer.errors import DataError

NAME = "an export of Prodigy"
ENDINGS = ()
ALSO = (".jsonl",)
MAGIC = ()
USES = frozenset({"encoding"})
WHY_NOT = {"reject": "rejected", "ignore": "ignored"}  # by answer


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the first record has Prodigy's hashes and an answer."""
    return {"_input_hash", "_task_hash", "answer"} <= first_object(path, head).keys()


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the texts and the labels that were accepted.

    Where only one label is asked about, rows in which it was rejected are of the class ``not LABEL``.
    """
    records = read_records(path, columns.encoding)
    each_record(path, records, _check, "Prodigy")
    asked = {str(record.values["label"]) for record in records if "label" in record.values}
    single = next(iter(asked)) if len(asked) == 1 and not any("options" in one.values for one in records) else None
    notes = [f"one label: '{single}'; rows that it was rejected for are 'not {single}'"] if single else []
    by_input = defaultdict(list)
    for record in records:
        by_input[_name(path, record)].append(record)
    items = [_item(path, name, of_it, single) for name, of_it in by_input.items()]
    return annotated_table(path, items, columns, listed=_listed(records), notes=notes)


def _check(record: Record) -> None:
    """Raise TypeError where a record has something else in its keys."""
    values = record.values
    lists = [values.get("accept", []), values.get("options") or []]
    if not isinstance(values.get("answer", ""), str) or not all(isinstance(one, list) for one in lists):
        raise TypeError("answer, accept or options")
    if not all(isinstance(option, dict) for option in lists[1]):
        raise TypeError("options")


def _name(path: Path, record: Record) -> str:
    values = record.values
    if "answer" not in values or "_input_hash" not in values or not isinstance(values.get("text"), str):
        raise DataError(f"{path} {record.place}: no text, answer or _input_hash, as Prodigy's records have")
    return str(values["_input_hash"])


def _item(path: Path, name: str, records: Sequence[Record], single: str | None) -> Item:
    votes: dict[str, set[str]] = defaultdict(set)
    reasons = []
    for record in records:
        labels = _labels(record.values, single)
        reasons.append(WHY_NOT.get(record.values["answer"], NOT_ANNOTATED))
        if labels:
            votes[_annotator(record.values)].update(labels)
    first = records[0]
    said = {annotator: tuple(sorted(labels)) for annotator, labels in votes.items()}
    return Item(name, first.place, {"text": first.values["text"]}, said, reasons[0])


def _labels(values: Mapping[str, Any], single: str | None) -> list[str]:
    if values["answer"] == "reject" and single:
        return [f"not {single}"]
    if values["answer"] != "accept":
        return []
    chosen = values.get("accept", []) if "options" in values else [values["label"]] if "label" in values else []
    return [str(label) for label in chosen]


def _annotator(values: Mapping[str, Any]) -> str:
    return str(values.get("_annotator_id") or values.get("_session_id") or "")


def _listed(records: Sequence[Record]) -> LabelList | None:
    options = {str(option.get("id")) for record in records for option in record.values.get("options") or ()}
    return LabelList(options, "the options of its records") if options else None
