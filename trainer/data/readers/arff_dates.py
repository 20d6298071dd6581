"""Dates in ARFF, whose form is written as Java's SimpleDateFormat has it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.readers.attribute_header import Attribute
from trainer.errors import DataError, shown

PARTS = re.compile(r"'((?:[^']|'')*)'|([a-zA-Z])\2*|([^a-zA-Z'])")
CODES = {"y": "%Y", "M": "%m", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S", "S": "%f", "a": "%p", "Z": "%z"}
LONGER = {"yy": "%y", "MMM": "%b", "MMMM": "%B", "EEE": "%a", "EEEE": "%A"}  # in English, as Weka's files are


def python_form(java: str) -> str | None:
    """Return a form of dates as ``strptime`` takes it; None where that cannot be said.

    Example:
        >>> python_form("yyyy-MM-dd'T'HH:mm:ss"), python_form("w")
        ('%Y-%m-%dT%H:%M:%S', None)
    """
    form = ""
    for part in PARTS.finditer(java):
        quoted, letter, other = part[1], part[2], part[3]
        if letter:
            code = LONGER.get(part[0], CODES.get(letter) if letter != "M" or len(part[0]) < 3 else None)
            if code is None:
                return None
            form += code
        else:
            form += ("'" if quoted == "" else (quoted or other).replace("''", "'")).replace("%", "%%")
    return form


def as_timestamps(column: Any, attribute: Attribute, file: Path) -> Any:
    """Return dates as timestamps, in UTC where they have a zone.

    Raises:
        DataError: a cell is no such date, or the form is not known; names the row.
    """
    form = python_form(attribute.form)
    if form is None:
        raise DataError(f"{file}: attribute '{attribute.name}': dates of the form {shown(attribute.form)} are not read")
    times = [_time(*at, form, attribute, file) for at in enumerate(column.to_pylist())]
    return pa.array(times, pa.timestamp("us"))


def _time(row: int, cell: str | None, form: str, attribute: Attribute, file: Path) -> datetime | None:
    try:
        time = None if cell is None else datetime.strptime(cell, form)
    except ValueError:
        raise DataError(
            f"{file}: row {row + 1} '{shown(cell or '', 60)}' of '{attribute.name}' is no date of the form "
            f"{attribute.form}"
        ) from None
    return time.astimezone(UTC).replace(tzinfo=None) if time is not None and time.tzinfo else time
