"""Objects of a JSON file, whether they are the items of an array or one per line."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trainer.data.readers.contract import HEAD_BYTES
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown

T = TypeVar("T")
MOST_BYTES = 1 << 24  # of the first object of a file, to be recognized by it


@dataclass(frozen=True)
class Record:
    """An object of a JSON file.

    Attributes:
        place: of it in the file, for messages: "line 3" or "entry 3", from 1.
        values: its keys and values.
    """

    place: str
    values: dict[str, Any]


def first_object(path: Path, head: bytes) -> dict[str, Any]:
    """Return the first object of an array or of lines of JSON; nothing where a file does not begin with one.

    Args:
        path: of the file, more of which is read where the object is longer than ``head``.
        head: what it begins with; nothing of a folder.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] not in (b"[", b"{"):
        return {}
    found = _parsed(text)
    if found is None and len(head) == HEAD_BYTES:
        with path.open("rb") as file:
            found = _parsed(file.read(MOST_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip())
    return found or {}


def _parsed(text: bytes) -> dict[str, Any] | None:
    """Return the first object, or None where the text ends within it."""
    body = text.removeprefix(b"[").lstrip().decode("utf-8", "ignore")
    try:
        value, _ = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else {}


def read_records(path: Path, encoding: str) -> list[Record]:
    """Return all objects of a file.

    Raises:
        DataError: it is no JSON array and no JSON lines, or holds something else than objects; names the place.
    """
    text = decode_text(path, encoding, header=False).decode()
    values = _items(path, text) if text.lstrip()[:1] == "[" else _lines(path, text)
    records = []
    for place, value in values:
        if not isinstance(value, dict):
            raise DataError(f"{path} {place}: not a JSON object: {shown(json.dumps(value))}")
        records.append(Record(place, value))
    if not records:
        raise DataError(f"{path}: no records in it")
    return records


def each_record(path: Path, records: Sequence[Record], take: Callable[[Record], T], tool: str) -> list[T]:
    """Return what is taken from each record.

    Raises:
        DataError: a record is not built as the tool builds it: a list where an object belongs, a key that is missing.
    """
    taken = []
    for record in records:
        try:
            taken.append(take(record))
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            raise DataError(
                f"{path} {record.place}: not built as {tool} builds it ({shown(repr(problem))}): export it again"
            ) from problem
    return taken


def _items(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON ({problem}): was the export cut off? export it again") from problem
    yield from ((f"entry {number}", item) for number, item in enumerate(items, start=1))


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):  # JSON may hold other line breaks, such as U+2028
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{path} line {number}: not JSON ({problem}): {shown(line)}") from problem
