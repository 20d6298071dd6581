"""When each row happened, as numbers: what a split by time needs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import rows_listed, text_cells
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

Times = NDArray[np.float64] | NDArray[np.int64]
KINDS = (pa.int64(), pa.float64(), *(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC")))


def read_times(table: pa.Table, column: str | None, file: Path | str) -> Times | None:
    """Return the time of each row (N,): whole numbers as int64, other numbers as float64, times in microseconds.

    Times that are finer come in nanoseconds. All cells are numbers, or all are dates or ISO times, all with a time
    zone or all without. Columns that hold times already (Parquet) keep their own unit.

    Raises:
        DataError: a cell is empty or cannot be read; names its row.
    """
    if column is None:
        return None
    cells = time_cells(table, column, file)
    missing_N = as_numpy(pc.is_null(cells))
    if missing_N.any():
        raise DataError(f"{file}: no time in column '{column}' in {rows_listed(missing_N)}: fill in or delete them")
    if pa.types.is_date32(cells.type):
        cells = pc.cast(cells, pa.int32())
    times_N: Times = as_numpy(cells if pa.types.is_floating(cells.type) else pc.cast(cells, pa.int64()))
    return times_N


def time_cells(table: pa.Table, column: str, file: Path | str) -> Column:
    """Return a column as whole numbers, other numbers or times (of the kinds of ``read_times``), null where empty.

    Raises:
        DataError: a cell cannot be read; names its row.
    """
    cells: Column = table[column]
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        return cells
    cells = pc.utf8_trim_whitespace(text_cells(table, column, file))
    cells = pc.if_else(pc.equal(cells, pa.scalar("")), None, cells)
    read = _read(cells)
    if read is not None:
        return read
    row = _first_wrong(cells)
    like = " like those before it" if cells[:row].null_count < row else ""
    raise DataError(
        f"{file}: column '{column}' row {row + 1}: '{shown(cells[row].as_py(), 40)}' is neither a number nor a "
        f"time{like}: write times as 2024-01-31 or 2024-01-31 12:00:00, all with a time zone or none"
    )


def _read(cells: Column) -> Column | None:
    """Return text as the first kind that all of it is of, or None."""
    for kind in KINDS:
        try:
            read: Column = pc.cast(cells, kind)
        except pa.ArrowInvalid:
            continue
        if not pa.types.is_floating(kind) or pc.all(pc.is_finite(read), min_count=0).as_py():
            return read
    return None


def _first_wrong(cells: Column) -> int:
    """Return the first row up to which the cells are not of one kind."""
    low, high = 0, len(cells) - 1
    while low < high:
        middle = (low + high) // 2
        if _read(cells[: middle + 1]) is not None:
            low = middle + 1
        else:
            high = middle
    return low
