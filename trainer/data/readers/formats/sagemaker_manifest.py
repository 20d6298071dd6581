"""Augmented manifests, which SageMaker Ground Truth writes and Rekognition reads: an object per image or text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import NOT_ANNOTATED, Item, annotated_table, choose, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.json_records import Record, each_record, first_object, read_records
from trainer.errors import DataError

NAME = "an augmented manifest of SageMaker"
ENDINGS = (".manifest",)
ALSO = (".jsonl", ".json")
MAGIC = ()
USES = frozenset({"encoding"})
METADATA = "-metadata"
SOURCES = ("source-ref", "source")  # the address of an image, a text


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether the first record has a source and the metadata of a label."""
    first = first_object(path, head)
    return any(source in first for source in SOURCES) and any(name.endswith(METADATA) for name in first)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the files or texts, and the names of their classes."""
    records = read_records(path, columns.encoding)
    jobs = dict.fromkeys(
        name.removesuffix(METADATA)
        for record in records
        for name, said in record.values.items()
        if name.endswith(METADATA) and isinstance(said, dict) and _is_classification(said)
    )
    job = choose(path, columns.labels, jobs, "labelling job")
    items = each_record(path, records, lambda record: _item(path, record, job), "SageMaker")
    return annotated_table(path, items, columns, label=job)


def _is_classification(metadata: Mapping[str, Any]) -> bool:
    return "class-name" in metadata or "class-map" in metadata or "failure-reason" in metadata


def _item(path: Path, record: Record, job: str) -> Item:
    values = record.values
    source = next((name for name in SOURCES if isinstance(values.get(name), str)), None)
    if source is None:
        raise DataError(f"{path} {record.place}: neither source-ref nor source, which says what was labelled")
    metadata = values.get(f"{job}{METADATA}") or {}
    why_not = "failed" if "failure-reason" in metadata else NOT_ANNOTATED
    labels = () if "failure-reason" in metadata else _classes(path, record, values.get(job), metadata)
    cells = {"file" if source == "source-ref" else "text": values[source]}
    name = values[source] if source == "source-ref" else record.place.split()[-1]
    return Item(name, record.place, cells, one_vote(labels), why_not)


def _classes(path: Path, record: Record, value: object, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes: that of one class, or those that the map has of several numbers."""
    if isinstance(metadata.get("class-name"), str):
        return (metadata["class-name"],)
    names = metadata.get("class-map") or {}
    numbers = value if isinstance(value, list) else []
    unknown = [number for number in numbers if str(number) not in names]
    if unknown:
        raise DataError(f"{path} {record.place}: class {unknown[0]} is not in its class-map")
    return tuple(sorted(str(names[str(number)]) for number in numbers))
