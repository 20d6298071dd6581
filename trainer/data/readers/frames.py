"""Frames of pandas, polars and Arrow as the table that a file would give, or why they are none."""

import warnings
from collections import Counter
from typing import Any

import pyarrow as pa

from trainer.data.readers.contract import OpenTable
from trainer.data.readers.plain_columns import plain_column
from trainer.errors import DataError, shown


def is_frame(value: object) -> bool:
    """Return whether a value is a table that Arrow can take over: a pandas, polars or Arrow frame, among others."""
    return hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns")


def open_frame(frame: Any, name: str) -> OpenTable:
    """Return a frame's rows, each column as a Parquet file would have it.

    Args:
        frame: of pandas, polars, Arrow or another library with Arrow's C stream.
        name: of the frame, in messages.

    Raises:
        DataError: it is no frame, has no rows, two columns of one name, or a column of several kinds of values.
    """
    if not is_frame(frame):
        raise DataError(f"{name}: a {type(frame).__name__} is no frame: give a pandas, polars or Arrow one")
    names = [str(column) for column in getattr(frame, "column_names", frame.columns)]
    repeated = [column for column, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{name}: {Counter(names)[repeated[0]]} columns are called '{repeated[0]}': rename or drop one")
    table = _arrow_table(frame, name)
    table = table.select([column for column in table.column_names if not column.startswith("__index_level_")])
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{name}: the frame has {table.num_rows} rows and {table.num_columns} columns")
    for place, (column, values) in enumerate(zip(table.column_names, table.columns, strict=True)):
        table = table.set_column(place, column, plain_column(values))
    return OpenTable(table.replace_schema_metadata(None))


def _arrow_table(frame: Any, name: str) -> pa.Table:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The DataFrame has column names of mixed type")  # they become text here
            table: pa.Table = pa.table(frame)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        said = shown(" ".join(map(str, error.args[::-1])), 200)  # pandas names the column in the last argument
        raise DataError(
            f"{name}: Arrow cannot take a column over ({said}): make it numbers or text, of one kind, or drop it"
        ) from error
    return table
