"""What was decided, as rows of a CSV file: id, prediction, probabilities, spread between folds, entropy, set."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trainer.inference.export.steps.deciding import Decided
from trainer.system.spreadsheets import defused_id

ENDINGS = {".csv": ",", ".tsv": "\t"}


def header_of(facts: Mapping[str, Any], *, raw: bool) -> list[str]:
    """Return the names of the columns."""
    has_classes, conformal = facts["task"]["has_classes"], None if raw else (facts["decision"] or {}).get("conformal")
    probabilities = [*facts["outputs"], "spread", "entropy"] if has_classes else ["spread"]
    cover = [] if not conformal else ["set"] if has_classes else ["low", "high"]
    return ["id", "prediction", *probabilities, *cover]


def rows_of(
    ids: Sequence[str], readable: Sequence[bool], found: Decided, facts: Mapping[str, Any]
) -> Iterator[list[Any]]:
    """Yield the cells of each row; rows without a prediction have none.

    Args:
        ids: of all rows.
        readable: which rows have a prediction.
        found: of those that have one, in their order.
        facts: of model.json.
    """
    columns = [_predictions(found, facts), *_numbers(found, facts), *_cover(found, facts)]
    predicted = zip(*columns, strict=True)
    for name, has_one in zip(ids, readable, strict=True):
        yield [defused_id(name), *(next(predicted) if has_one else ["", *["nan"] * (len(columns) - 1)])]


def _predictions(found: Decided, facts: Mapping[str, Any]) -> list[str]:
    if found.labels is None:
        return [repr(value) for value in found.proba_BC[:, 0].tolist()]
    if facts["task"]["several_labels"]:
        return [defused_id(_joined(row, facts)) for row in found.labels]
    return [defused_id(facts["classes"][label]) for label in found.labels.tolist()]


def _joined(holds_C: Any, facts: Mapping[str, Any]) -> str:
    return str(facts["label_delimiter"]).join(facts["classes"][place] for place in np.flatnonzero(holds_C).tolist())


def _numbers(found: Decided, facts: Mapping[str, Any]) -> list[list[str]]:
    if found.entropy_B is None:
        return [[repr(value) for value in found.spread_B.tolist()]]
    return [_short(values) for values in (*found.proba_BC.T, found.spread_B, found.entropy_B)]


def _short(values: Any) -> list[str]:
    """Return the shortest text of each number that is the same in float32."""
    return [str(value) for value in np.asarray(values, dtype=np.float32)]


def _cover(found: Decided, facts: Mapping[str, Any]) -> list[list[str]]:
    if found.cover is None:
        return []
    if facts["task"]["has_classes"]:
        return [[defused_id(_joined(row, facts)) for row in found.cover]]
    return [[repr(value) for value in ends] for ends in found.cover.T.tolist()]


@contextmanager
def csv_file(path: Path) -> Iterator[Any]:
    """Yield a writer of rows; the file is there when all are written, or not at all.

    Raises:
        ValueError: its name ends in something else than .csv or .tsv.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"-o {path}: give a name that ends in {' or '.join(ENDINGS)}")
    partial = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield csv.writer(file, delimiter=ENDINGS[path.suffix.lower()], lineterminator="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
