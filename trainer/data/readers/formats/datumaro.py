"""Labels of images in Datumaro's JSON, which CVAT, Geti and others export too: one file per part."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError

NAME = "a Datumaro data set"
ENDINGS = ()
ALSO = (".json",)
MAGIC = ()
USES = frozenset({"encoding"})
BEGINS = re.compile(rb"(\xef\xbb\xbf)?\s*\{")
CATEGORIES = re.compile(rb'"categories"\s*:\s*\{\s*"label"\s*:\s*\{\s*"labels"')


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as Datumaro's JSON does: an object with the categories of its labels."""
    return bool(BEGINS.match(head) and CATEGORIES.search(head))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the image files and the names of their labels."""
    try:
        content = json.loads(decode_text(path, columns.encoding, header=False))
        names = [str(label["name"]) for label in content["categories"]["label"]["labels"]]
        entries = content["items"]
        items = [_item(path, number, entry, names) for number, entry in enumerate(entries, start=1)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise DataError(f"{path}: not Datumaro's JSON ({problem!r}): export it again") from problem
    return annotated_table(path, items, columns)


def _item(path: Path, number: int, entry: Mapping[str, Any], names: Sequence[str]) -> Item:
    found = [one for one in entry.get("annotations") or () if one.get("type") == "label"]
    ids = sorted({int(one["label_id"]) for one in found})
    wrong = [one for one in ids if not 0 <= one < len(names)]
    if wrong:
        raise DataError(f"{path} item {number}: label_id {wrong[0]}: its categories are 0 to {len(names) - 1}")
    labels = tuple(sorted(names[one] for one in ids))
    name = str(entry["id"])
    file = (entry.get("image") or {}).get("path") or f"{name}.jpg"
    if not isinstance(file, str):
        raise TypeError(f"path {file!r}")
    return Item(name, f"item {number}", {"file": file}, one_vote(labels), "without a label")
