"""When each row happened, as numbers: what a split by time needs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.config.errors import DataError
from trainer.data.columns import Column, as_numpy, is_blank, rows_listed, text_cells
from trainer.data.decoding import shown

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
    cells: Column = table[column]
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        missing_N = as_numpy(pc.is_null(cells))
    else:
        cells = pc.utf8_trim_whitespace(text_cells(table, column, file))
        missing_N = is_blank(cells)
    if missing_N.any():
        raise DataError(f"{file}: no time in column '{column}' in {rows_listed(missing_N)}: fill in or delete them")
    for kind in KINDS:
        times_N = _read(cells, kind)
        if times_N is not None:
            return times_N
    row = first_wrong(cells, lambda part: any(_read(part, kind) is not None for kind in KINDS))
    cell = shown(str(cells[row].as_py()), 40)
    raise DataError(
        f"{file}: column '{column}' row {row + 1}: '{cell}' is neither a number nor a time like those before it: "
        "write times as 2024-01-31 or 2024-01-31 12:00:00, all with a time zone or none"
    )


def _read(cells: Column, kind: pa.DataType) -> Times | None:
    """Return cells as numbers, or None where one of them is not of this kind."""
    try:
        if pa.types.is_date32(cells.type):
            cells = pc.cast(cells, pa.int32())
        read = pc.cast(cells, kind)
        times_N: Times = as_numpy(pc.cast(read, pa.int64()) if pa.types.is_timestamp(kind) else read)
    except pa.ArrowInvalid:
        return None
    return times_N if np.isfinite(times_N).all() else None


def first_wrong(cells: Column, readable: Callable[[Column], bool]) -> int:
    """Return the first row up to which the cells are not ``readable`` as one kind."""
    low, high = 0, len(cells) - 1
    while low < high:
        middle = (low + high) // 2
        if readable(cells[: middle + 1]):
            low = middle + 1
        else:
            high = middle
    return low
