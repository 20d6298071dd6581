"""Columns of numbers, truth values and dates that have such a type in the file, as float64."""

import pyarrow as pa
import pyarrow.compute as pc

from trainer.system.arrow_files import Column

DAY_MICROSECONDS = 86400e6


def is_number_type(kind: pa.DataType) -> bool:
    """Return whether cells of a type are numbers or truth values."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(test(kind) for test in tests)


def as_float64(column: Column) -> Column:
    """Return numbers as the nearest float64, true as 1 and false as 0; null stays null.

    Decimals go by their digits: Arrow (26.0.1) divides by a power of ten, and one price in eight is then another number
    than the same digits in a CSV file.
    """
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.string())
    return pc.cast(column, pa.float64(), safe=False)


def as_days(column: Column) -> Column:
    """Return dates or times of day with a date as days since 1970."""
    microseconds = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())
    days: Column = pc.divide(pc.cast(microseconds, pa.float64(), safe=False), pa.scalar(DAY_MICROSECONDS))
    return days
