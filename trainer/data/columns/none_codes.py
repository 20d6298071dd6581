"""Numbers that mean "no value" in a column: those that ``data.missing`` lists, and those that look like it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# as SPSS, surveys, weather stations, GIS and NetCDF have them
BELOW = frozenset((-8, -9, -88, -98, -99, -888, -998, -999, -9998, -9999, -99999, -999999, -32768, -2147483648))
ABOVE = frozenset((99, 999, 9999, 99999, 999999, 9999999, 99.9, 99.99, 999.9, 999.99, 9999.9, 9999.99, 32767, 65535))
LARGEST = 1e19  # such as 9.97e36 of NetCDF and 1e20
SMALL = -80  # from here up a negative code is one only where no other has a sign
SMALLEST = 8  # without its sign: -1 often says something
FEWEST = 3  # rows of a code that is no usual one
MANY = 20  # different others beside it: it is no step of a grid
SAMPLE = 10_000
FAR = 2  # times the range of the others


def without_listed(values_N: NDArray[np.float64], listed: Sequence[float]) -> NDArray[np.float64]:
    """Return values (N,) with NaN for those that are listed."""
    return np.where(np.isin(values_N, listed), np.nan, values_N) if listed else values_N


def none_code(values_N: NDArray[np.float64]) -> str:
    """Describe a number that looks like "no value": such a code in several rows, far from all others; "" = none is.

    Example:
        >>> none_code(np.array([1.0, 5, 3, -99, -99])), none_code(np.array([1.0, 5, 3, -9]))
        ('-99 in 2 rows, others 1 to 5', '')
    """
    if not len(values_N):
        return ""
    low, high = np.fmin.reduce(values_N), np.fmax.reduce(values_N)
    for code in (low, high):
        if abs(code) >= SMALLEST and float(code).is_integer() and _has_a_sign_alone(values_N[:SAMPLE], code):
            others_N, n_rows = _others(values_N, code)
            is_usual = code in BELOW and (code < SMALL or not (others_N % 1).any())
            enough = n_rows > 1 if is_usual else n_rows >= FEWEST and len(np.unique(others_N[:SAMPLE])) >= MANY
            if enough and _has_a_sign_alone(values_N, code) and others_N[:SAMPLE].any():
                return _told(code, n_rows, others_N)
    for code, is_code in (
        (low, (low < SMALL and low in BELOW) or low <= -LARGEST),
        (high, high in ABOVE or high >= LARGEST),
    ):
        if is_code and _is_far(_others(values_N[:SAMPLE], code)[0], code):  # else it is not far from all
            others_N, n_rows = _others(values_N, code)
            if n_rows > 1 and len(others_N) and others_N.min() < others_N.max() and _is_far(others_N, code):
                return _told(code, n_rows, others_N)
    return ""


def _is_far(others_N: NDArray[np.float64], code: float) -> bool:
    if not len(others_N):
        return True
    least, most = others_N.min(), others_N.max()
    return bool(max(least - code, code - most) > FAR * (most - least))


def _has_a_sign_alone(values_N: NDArray[np.float64], code: float) -> bool:
    """Whether no other value is above 0, for a code above it, or below."""
    same_N = values_N > 0 if code > 0 else values_N < 0
    return not bool((same_N & (values_N != code)).any())


def _others(values_N: NDArray[np.float64], code: float) -> tuple[NDArray[np.float64], int]:
    """Return the other values, and the rows that have this one."""
    is_code_N = values_N == code
    return values_N[~is_code_N & ~np.isnan(values_N)], int(is_code_N.sum())


def _told(code: float, n_rows: int, others_N: NDArray[np.float64]) -> str:
    return f"{code:.15g} in {n_rows} rows, others {others_N.min():.6g} to {others_N.max():.6g}"
