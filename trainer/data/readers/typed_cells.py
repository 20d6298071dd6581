"""Columns of values as Python has them, each of its own type: as Arrow columns of one type."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

import pyarrow as pa

from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column

WORDS = {bool: "true/false", int: "numbers", float: "numbers", str: "text", bytes: "bytes"}


def typed_column(
    values: Sequence[Any], name: str, file: object, place: Callable[[int], str]
) -> tuple[Column, tuple[str, ...]]:
    """Return numbers, truth values or text; where a column has several of these, text, and a note.

    Args:
        values: bool, int, float or str; None = missing.
        name: of the column, in messages.
        file: named in messages.
        place: returns where a value is, by its number from 0.

    Raises:
        DataError: a value is none of these; names its place.
    """
    kinds = {type(value) for value in values}
    if float in kinds and str in kinds:  # NaN, as Python's json writes what is missing among texts, is no number
        values = [None if type(value) is float and isnan(value) else value for value in values]
        kinds = {type(value) for value in values}
    others = kinds - {bool, int, float, str, type(None)}
    if others:
        row = next(row for row, value in enumerate(values) if type(value) in others)
        what = WORDS.get(type(values[row]), type(values[row]).__name__)
        raise DataError(f"{file}: column '{name}' holds {what} ({place(row)}), which are no text and no number")
    words = sorted({WORDS[kind] for kind in kinds if kind is not type(None)})
    if len(words) < 2:
        column = _of_one_kind(values, kinds)
        is_long = words == ["numbers"] and pa.types.is_string(column.type)
        return column, (f"column '{name}' holds numbers of over 64 bits: it is read as text",) if is_long else ()
    first = {word: next(i for i, v in enumerate(values) if WORDS.get(type(v)) == word) for word in words}
    listed = " and ".join(f"{word} ({place(row)}: {shown(str(values[row]), 20)})" for word, row in first.items())
    text = [None if value is None else as_text(value) for value in values]
    return pa.array(text, pa.string()), (f"column '{name}' holds {listed}: all of it is read as text",)


def as_text(value: Any) -> str:
    """Return a value as a person writes it: 5.0 is 5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else str(value)


def _of_one_kind(values: Sequence[Any], kinds: set[type]) -> Column:
    if not kinds - {type(None)}:
        return pa.nulls(len(values))
    if float not in kinds and int not in kinds:
        return pa.array(values, pa.bool_() if bool in kinds else pa.string())
    try:
        return pa.array(values, pa.float64() if float in kinds else pa.int64())
    except (pa.ArrowException, OverflowError):  # over 64 bits, or a whole number that no float is
        if float not in kinds:
            return pa.array([None if value is None else str(value) for value in values], pa.string())
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
