"""Columns of objects that Python's JSON reader has read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.readers.typed_cells import typed_column
from trainer.errors import DataError
from trainer.system.arrow_files import Column


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, as ``object_pairs_hook`` of ``json.loads``.

    Raises:
        ValueError: it has a key twice.
    """
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key '{twice}' twice")
    return record


def by_column(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each key, None where an object lacks it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def json_table(
    values: Mapping[str, Sequence[Any]], path: Path, place: Callable[[int], str]
) -> tuple[pa.Table, tuple[str, ...]]:
    """Return columns of one type each, and notes on those that had several.

    Args:
        values: by column.
        path: named in messages.
        place: returns where a row is, by its number from 0.

    Raises:
        DataError: a column holds lists or objects beside other values; or text is half of a surrogate pair.
    """
    arrays: list[Column] = []
    notes: list[str] = []
    for name, cells in values.items():
        column, said = _column(cells, name, path, place)
        arrays.append(column)
        notes += said
    try:
        return pa.Table.from_arrays(arrays, names=list(values)), tuple(notes)
    except UnicodeEncodeError as problem:
        raise DataError(f"{path}: a key has half of a surrogate pair (\\ud800 to \\udfff alone)") from problem


def _column(cells: Sequence[Any], name: str, path: Path, place: Callable[[int], str]) -> tuple[Column, tuple[str, ...]]:
    """Return values of one type, or lists or objects, which stay so."""
    try:
        if not any(isinstance(cell, list | dict) for cell in cells):
            return typed_column(cells, name, path, place)
        return pa.chunked_array([pa.array(cells)]).combine_chunks(), ()
    except UnicodeEncodeError as problem:
        raise DataError(f"{path}: column '{name}' has half of a surrogate pair (\\ud800 to \\udfff alone)") from problem
    except (pa.ArrowException, TypeError, ValueError) as problem:
        kinds = [(row, _word(cell)) for row, cell in enumerate(cells) if cell is not None]
        other = next((row for row, word in kinds if word != kinds[0][1]), kinds[0][0])
        raise DataError(
            f"{path}: column '{name}' holds {kinds[0][1]} in {place(kinds[0][0])} and {_word(cells[other])} in "
            f"{place(other)}: make all of them the same"
        ) from problem


def _word(cell: Any) -> str:
    return "a list" if isinstance(cell, list) else "an object" if isinstance(cell, dict) else "another value"
