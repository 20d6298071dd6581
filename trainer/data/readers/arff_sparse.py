"""Sparse rows of ARFF, ``{0 1.5, 3 yes}``: only what is not zero, or not the first value of a nominal attribute."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.readers.attribute_header import QUOTED, Attribute, unquoted
from trainer.errors import DataError, shown

PAIRS = re.compile(rf"\s*(\d+)\s+({QUOTED}|[^\s,]+)\s*(?:,|$)")
MOST_CELLS = 1 << 28  # of all rows, written out: 2 GiB of numbers


def sparse_columns(
    lines: Sequence[tuple[int, str]], attributes: Sequence[Attribute], file: Path, missing: tuple[str, ...]
) -> list[Any]:
    """Return the columns (N,) with what the rows leave out.

    Args:
        lines: number in the file and text of each row.
        attributes: in the order of the columns.
        file: named in messages.
        missing: what stands, without quotes, where there is no value.

    Raises:
        DataError: a row is not sparse, or has an index that is none, or one twice.
    """
    if len(lines) * len(attributes) > MOST_CELLS:
        raise DataError(
            f"{file}: {len(lines):,} sparse rows of {len(attributes):,} attributes are too many cells to write out: "
            "save it as LIBSVM, which is kept sparse"
        )
    places: list[str] = []
    values: list[str] = []
    counts: list[int] = []
    for row, (number, line) in enumerate(lines, start=1):
        found = _pairs(line)
        if found is None:
            said = f"{file}: row {row} (line {number}) is no sparse row such as {{0 1.5, 3 yes}}"
            raise DataError(f"{said}: {shown(line)}")
        places += found[0]
        values += found[1]
        counts.append(len(found[0]))
    rows_P = np.repeat(np.arange(len(lines)), counts)
    places_P = _as_places(places, file)
    _require_places(rows_P, places_P, len(attributes), [number for number, _ in lines], file)
    return _filled(rows_P, places_P, values, attributes, len(lines), missing)


def _pairs(line: str) -> tuple[list[str], list[str]] | None:
    """Return indices and values of a row; None where it is none."""
    if line[-1] != "}" or line[0] != "{":
        return None
    body = line[1:-1]
    if "'" in body or '"' in body:
        pairs = PAIRS.findall(body)
        return None if PAIRS.sub("", body).strip() else ([at for at, _ in pairs], [value for _, value in pairs])
    parts = body.replace(",", " ").split()  # to Weka, commas are white space
    return None if len(parts) % 2 else (parts[::2], parts[1::2])


def _as_places(places: Sequence[str], file: Path) -> NDArray[np.int64]:
    try:
        return np.array(pa.array(places, pa.string()).cast(pa.int64()), dtype=np.int64)
    except pa.ArrowInvalid:
        wrong = next(place for place in places if not place.isdecimal())
        raise DataError(f"{file}: '{shown(wrong, 60)}' is no index: sparse rows are such as {{0 1.5, 3 yes}}") from None


def _require_places(
    rows_P: NDArray[np.int64], places_P: NDArray[np.int64], n_attributes: int, numbers: Sequence[int], file: Path
) -> None:
    far_P = (places_P >= n_attributes) | (places_P < 0)
    if far_P.any():
        at = int(far_P.argmax())
        raise DataError(
            f"{file}: row {rows_P[at] + 1} (line {numbers[rows_P[at]]}) has the index {places_P[at]}, but the "
            f"attributes are 0 to {n_attributes - 1}"
        )
    cells_P = np.sort(rows_P * n_attributes + places_P)
    twice = cells_P[1:][cells_P[1:] == cells_P[:-1]]
    if len(twice):
        row, place = divmod(int(twice[0]), n_attributes)
        raise DataError(f"{file}: row {row + 1} (line {numbers[row]}) has the index {place} twice")


def _filled(
    rows_P: NDArray[np.int64],
    places_P: NDArray[np.int64],
    values: Sequence[str],
    attributes: Sequence[Attribute],
    n_rows: int,
    missing: tuple[str, ...],
) -> list[Any]:
    order_P = np.argsort(places_P, kind="stable")
    ends = np.searchsorted(places_P[order_P], np.arange(len(attributes) + 1))
    texts: Any = pa.array(values, pa.string())
    columns = []
    for place, attribute in enumerate(attributes):
        at = order_P[ends[place] : ends[place + 1]]
        cells = texts.take(pa.array(at))
        columns.append(_column(rows_P[at], cells, attribute, n_rows, missing))
    return columns


def _column(rows: NDArray[np.int64], cells: Any, attribute: Attribute, n_rows: int, missing: tuple[str, ...]) -> Any:
    cells = pc.if_else(pc.is_in(cells, pa.array(missing)), None, cells)
    if attribute.kind == "numeric":
        try:
            numbers_N = np.zeros(n_rows)
            numbers_N[rows] = pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
            return pa.chunked_array([pa.array(numbers_N, from_pandas=True)])
        except pa.ArrowInvalid:
            pass  # a number that is none: what is text is looked at cell by cell
    words_N = np.full(n_rows, _left_out(attribute), dtype=object)
    words_N[rows] = [None if cell is None else unquoted(cell) for cell in cells.to_pylist()]
    return pa.chunked_array([pa.array(words_N, pa.string())])


def _left_out(attribute: Attribute) -> str:
    """Return what a sparse row leaves out: zero, which of a nominal attribute is its first value."""
    if attribute.kind == "nominal" and attribute.values:
        return attribute.values[0]
    return "0" if attribute.kind == "numeric" else ""
