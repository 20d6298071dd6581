"""Rows that come as JSON, read as lines of JSON in a file are; no value of them is ever a path."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from trainer.data.readers.formats.json_lines import parse_json_lines
from trainer.errors import DataError, shown
from trainer.inference.serving.refused import RequestError
from trainer.inference.serving.served import NAMED
from trainer.wording.lists import first_few

LINE = re.compile(r"\bline (?=\d)")  # what a file has for a row of a request


@dataclass(frozen=True)
class JsonRows:
    """The rows of a request.

    Attributes:
        table: their values, the names left out.
        ids: what each is called, as it was given; else its number from 0.
        notes: what a person should know of their form.
    """

    table: pa.Table
    ids: list[Any]
    notes: list[str]


def read_json_rows(payload: bytes, id_column: str | None, most_rows: int, most_columns: int) -> JsonRows:
    """Read one object, or a list of them.

    Args:
        payload: of the request.
        id_column: that names the rows of the run, or None; a request need not have it.
        most_rows: that are taken.
        most_columns: likewise, of all rows together: a million keys fit into a few bytes each.

    Raises:
        DataError: it is no JSON, or holds something else than objects; names the row.
        RequestError: there are too many.
    """
    rows = _objects(payload)
    if len(rows) > most_rows:
        raise RequestError(413, f"{NAMED} has {len(rows)} rows, at most {most_rows} are taken: send them in parts")
    values = [{name: value for name, value in row.items() if name != id_column} for row in rows]
    names = list(dict.fromkeys(name for row in values for name in row))
    if len(names) > most_columns:
        raise RequestError(413, f"{NAMED} has {len(names)} columns, at most {most_columns} are taken: leave others out")
    if not names:
        raise DataError(f"{NAMED}: the rows have no values: give an object with a value for each column")
    ids = [_name_of(row.get(id_column) if id_column else None, number) for number, row in enumerate(rows)]
    table, notes = _table(values)
    return JsonRows(table, ids, [*notes, *_gaps(values, names)])


def _objects(payload: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(payload, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{NAMED}: not JSON ({shown(str(problem))})") from problem
    rows = found if isinstance(found, list) else [found]
    if not rows:
        raise DataError(f"{NAMED}: an empty list: give at least one row")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            said = shown(json.dumps(row))
            raise DataError(f"{NAMED} row {number}: not a JSON object: {said}\ngive {{column: value, ...}}")
    return rows


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON: give null where there is no value")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice, of which JSON readers silently take the last."""
    row = dict(pairs)
    if len(row) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"'{shown(name, 40)}' is there twice in one object")
    return row


def _name_of(given: Any, number: int) -> Any:
    return given if isinstance(given, str | int | float) and not isinstance(given, bool) else number


def _table(rows: list[dict[str, Any]]) -> tuple[pa.Table, list[str]]:
    """Return the rows as a file of JSON lines gives them, and its notes; as ``foldwise predict`` says it."""
    try:
        lines = "\n".join(json.dumps(row, allow_nan=False) for row in rows).encode()
    except ValueError as problem:  # 1e999
        raise DataError(f"{NAMED}: a number is too large for a computer's: give a finite one, or null") from problem
    try:
        table, notes = parse_json_lines(lines, Path(NAMED))
    except DataError as problem:
        raise DataError(LINE.sub("row ", str(problem))) from problem
    return table, [LINE.sub("row ", note) for note in notes]


def _gaps(rows: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Say which columns some of the rows do not have; they are read as without a value, as in a file."""
    counts = Counter(name for row in rows for name in row)
    lacking = [f"'{shown(name, 40)}' ({len(rows) - counts[name]})" for name in names if counts[name] < len(rows)]
    return [f"columns that some rows do not have, taken as without a value: {first_few(lacking)}"] if lacking else []
