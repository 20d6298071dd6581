"""JSON: an array of objects, or a frame as pandas writes it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import setting
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.formats.json_lines import parse_json_lines
from trainer.data.readers.json_columns import by_column, each_once, json_table
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.wording.lists import first_few

NAME = "a JSON file"
ENDINGS = (".json",)
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding", "table"})

Rows = tuple[list[str], list[list[Any]]]  # names, and the values of each column


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: whatever ends so is read as JSON, unless a reader knows better."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows of an array of objects, each key a column."""
    payload = decode_text(path, columns.encoding, header=False)
    try:
        found = json.loads(payload, object_pairs_hook=each_once)
    except json.JSONDecodeError as problem:
        if problem.msg == "Extra data" and columns.table is None and payload.lstrip()[:1] == b"{":
            rows, notes = parse_json_lines(payload, path)
            return OpenTable(rows, notes=("one JSON object per line: read as JSON lines", *notes))
        where = f"line {problem.lineno}, column {problem.colno}"
        raise DataError(f"{path}: not JSON ({problem.msg} in {where})") from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON that can be read ({shown(str(problem))})") from problem
    names, values, notes = _as_rows(found, columns.table, path)
    rows, said = json_table(dict(zip(names, values, strict=True)), path, lambda row: f"row {row + 1}")
    return OpenTable(rows, notes=(*notes, *said))


def _as_rows(found: Any, table: str | None, path: Path) -> tuple[list[str], list[list[Any]], tuple[str, ...]]:
    """Return names and columns of whatever form of a table this is, and notes."""
    if isinstance(found, dict):
        arrays = [key for key, value in found.items() if _is_records(value)]
        if table is not None:
            if table not in arrays:
                raise ConfigError(f"data.table={table}: no array of objects in {path}{did_you_mean(table, arrays)}")
            return (*_of_records(found[table], path), ())
        return _of_object(found, arrays, path)
    if table is not None:
        raise ConfigError(f"data.table={table} has no effect on {path}: it is one array; leave it out")
    if not isinstance(found, list):
        raise DataError(f"{path}: one JSON value ({shown(json.dumps(found), 40)}), not an array of objects")
    if not found:
        raise DataError(f"{path}: an empty array, no rows")
    return (*_of_records(found, path), ())


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _of_records(rows: Sequence[Any], path: Path) -> Rows:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            advice = ": write objects with names" if isinstance(row, list) else ""
            raise DataError(f"{path}: row {number} is no object ({shown(json.dumps(row), 40)}){advice}")
    values = by_column(rows)
    return list(values), list(values.values())


def _of_object(
    found: dict[str, Any], arrays: Sequence[str], path: Path
) -> tuple[list[str], list[list[Any]], tuple[str, ...]]:
    """Return the rows of a frame that pandas wrote (orient split, columns, index or table), or of its only array."""
    names, data = found.get("columns"), found.get("data")
    if isinstance(names, list) and isinstance(data, list) and set(found) <= {"columns", "index", "data"}:
        if any(not isinstance(row, list) or len(row) != len(names) for row in data):
            raise DataError(f"{path}: a row of 'data' has not {len(names)} values, one for each of 'columns'")
        return list(map(str, names)), [[row[k] for row in data] for k in range(len(names))], _said("split")
    values = list(found.values())
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(arrays) < len(values) and all(isinstance(value, list) for value in values) and len(lengths) == 1:
        return list(found), values, (f"an object of {len(found)} lists of one length: each is a column",)
    if len(arrays) == 1:
        return (*_of_records(found[arrays[0]], path), (f"the rows are the array '{arrays[0]}'",))
    if arrays:
        listed = first_few([setting("data.table", key) for key in arrays], rest=", ...")
        raise DataError(f"{path}: several arrays, not one: name one of them\n{listed}")
    if values and all(isinstance(value, dict) for value in values):
        return _of_objects(found, path)
    raise DataError(
        f"{path}: one JSON object ({shown(', '.join(found), 60)}), not an array of objects: one for each row"
    )


def _of_objects(found: dict[str, dict[str, Any]], path: Path) -> tuple[list[str], list[list[Any]], tuple[str, ...]]:
    """Return the rows of an object of objects: columns by row as pandas writes it, or rows by column."""
    inner = list(next(iter(found.values())))
    counted, counted_inside = _is_counted(list(found)), _is_counted(inner)
    if counted and not counted_inside:
        return (*_of_records(list(found.values()), path), _said("index"))
    if counted_inside and not counted and all(list(cells) == inner for cells in found.values()):
        return list(found), [list(cells.values()) for cells in found.values()], _said("columns")
    raise DataError(
        f"{path}: an object of objects, whose rows and columns cannot be told apart: write an array of objects "
        "(of pandas: to_json(orient='records'))"
    )


def _is_counted(keys: Sequence[str]) -> bool:
    return all(key.isdigit() for key in keys)


def _said(orient: str) -> tuple[str, ...]:
    return (f"read as a frame of pandas (orient='{orient}')",)
