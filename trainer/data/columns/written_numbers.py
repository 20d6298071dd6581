"""Numbers written as text: percent, money, thousands, decimal commas, truth values, dates; where all cells agree.

A number keeps its value as it stands: 83.61% is 83.61, so that it does not matter whether a later file has the sign.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.number_forms import FORMS, POINT_THOUSANDS, TRUTH, TRUTH_VALUES, plain_width
from trainer.data.columns.number_kinds import (
    PLAIN_KIND,
    RANGES,
    UNIT_KIND,
    are_addresses,
    kind_of,
    ranges,
    with_one_word,
)
from trainer.data.columns.roles import rows_listed, setting
from trainer.data.columns.written_dates import DATES, dates_form
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

FEW = 12  # different texts that make categories, whatever they look like
FEW_WORDS = 5  # the same of numbers with a word behind, such as 3 rooms, in however few rows
SAMPLE = 1_000  # rows that say of most columns that they are plain numbers
MOST_LOOKED_AT = 3_000  # different texts of a column
VERSION_NAME = re.compile(r"(?:.*[ _.-])?(?:version|firmware|ver)|.+(?-i:[a-z]Version)|.*版本号?", re.I)
CODE_NAME = re.compile(
    r"(?:.*[ _.-])?(?:zip|zip[ _]?code|post(?:al)?[ _]?code|plz|cep|area[ _]?code|fips|naics|sic|icd\w*|mcc|"
    r"hs[ _]?code|sku|upc|ean|gtin|isbn|barcode)|(?:邮政?编码?|邮编|区号|行政区划代码|行业代码|商品编码|条形?码|"
    r"国家代码)",
    re.I,
)
MOSTLY = 0.5  # share of the cells above which a column is meant to be one of numbers


@dataclass(frozen=True)
class Written:
    """The values of a column.

    Attributes:
        values_N: float64, NaN = missing.
        note: how they were read.
        form: the key of ``FORMS`` they were read by; of dates, which of ``written_dates``.
    """

    values_N: NDArray[np.float64]
    note: str
    form: str


def read_written(
    encoded: Column, name: str, file: Path | str, *, semicolon: bool, strict: bool, thousands: bool = False
) -> Written | None:
    """Read a column of text, none of whose cells need be a plain number, as the numbers it looks like.

    Args:
        encoded: (N,) trimmed text as a dictionary, null = missing.
        name: of the column.
        file: named in messages.
        semicolon: whether cells are separated by semicolons, as where a comma is the decimal point.
        strict: refuse what would be read.
        thousands: points are known to be between thousands.

    Returns:
        None where the column does not look like numbers.

    Raises:
        DataError: it does, and cannot be read as such, or ``strict``; names a row and the options.
    """
    texts = [plain_width(text) for text in encoded.dictionary.to_pylist()]
    if not any(text.lower() in TRUTH or any(char.isdigit() for char in text) for text in texts):
        return None
    if are_addresses(texts):
        return None
    codes_N = as_numpy(encoded.indices.fill_null(-1))
    counts = np.bincount(codes_N + 1, minlength=len(texts) + 1)[1:]
    place = f"{file}: column '{name}'"
    for key, (what, read) in FORMS.items():
        values = read(texts, semicolon) if not thousands or key == POINT_THOUSANDS else None
        if values is None:
            continue
        if strict and key != TRUTH_VALUES:  # of which there is no other reading
            raise _refused(place, name, f"holds {what}", texts, codes_N, range(len(texts)))
        values_N = np.append(np.array(values, dtype=np.float64), np.nan)[codes_N]
        note = f"column '{name}' holds {what} such as '{shown(texts[0], 30)}': read as {values[0]:g}"
        return Written(values_N, note, dates_form(texts) if key == DATES else key)
    if len(texts) <= FEW and len(texts) * 5 <= counts.sum():  # 4GB and 8GB are two kinds as well
        return None
    some = np.arange(0, len(texts), 1 + len(texts) // MOST_LOOKED_AT)
    kinds = {place: kind_of(texts[place]) for place in some.tolist()}
    words = [place for place, kind in kinds.items() if not kind] if len(texts) > FEW_WORDS else []
    kinds |= {words[place]: UNIT_KIND for place in with_one_word([texts[place] for place in words])}
    if len(texts) > FEW:
        kinds |= dict.fromkeys(ranges([texts[place] for place in kinds]), RANGES)
    odd = [place for place, kind in kinds.items() if kind not in ("", PLAIN_KIND)]
    if not odd or counts[[place for place in kinds if kinds[place]]].sum() <= MOSTLY * counts[some].sum():
        return None
    named = " and ".join(list(dict.fromkeys(kinds[place] for place in odd))[:3])
    raise _refused(place, name, f"looks like {named}", texts, codes_N, odd)


def _refused(
    place: str, name: str, what: str, texts: Sequence[str], codes_N: NDArray[np.int64], codes: Sequence[int]
) -> DataError:
    rows = np.isin(codes_N, list(codes))
    return DataError(
        f"{place} {what}, such as '{shown(texts[codes[0]], 30)}' in {rows_listed(rows)}:\n"
        f"write all of its cells as plain numbers, or set {setting('data.categorical', name, in_list=True)}"
    )


def codes_note(cells: Column, values_N: NDArray[np.float64], name: str) -> str:
    """Say why a column of numbers holds codes: leading zeros, or 1e3 among whole numbers; "" where it holds numbers.

    So does a column called a version, where 1.10 is not 1.1.
    """
    if not pa.types.is_string(cells.type):
        return ""
    if VERSION_NAME.fullmatch(name):
        has_point: Column = pc.match_substring(cells, ".", ignore_case=False)
        with_point: Column = cells.filter(pc.fill_null(has_point, False))
        return _said_codes(name, with_point[0].as_py(), "a version") if len(with_point) else ""
    if not _whole(values_N[:SAMPLE]) or not _whole(values_N):
        return ""
    zero: Column = pc.starts_with(cells, "0")
    other: Column = pc.not_equal(cells, pa.scalar("0"))
    with_zero: Column = pc.and_(zero, other)
    with_e: Column = pc.match_substring(cells, "e", ignore_case=True)
    long: Column = pc.match_substring_regex(cells, r"^\d{16}")
    for doubtful, pattern, what in (
        (with_zero, r"^0\d+$", "zeros in front"),
        (with_e, r"^\d+[eE]\d+$", "an e between digits"),
        (long, r"^\d{16,}$", "more digits than a number keeps"),
    ):
        some: Column = cells.filter(pc.fill_null(doubtful, False))
        matched: Column = pc.match_substring_regex(some, pattern)
        if len(some) and pc.all(matched).as_py():
            return _said_codes(name, some[0].as_py(), what)
    return ""


def _said_codes(name: str, example: str, what: str) -> str:
    return (
        f"column '{name}' holds codes ('{shown(example, 30)}': {what}), taken as categories; for numbers set "
        f"{setting('data.numeric', name, in_list=True)}"
    )


def named_codes_note(values_N: NDArray[np.float64], name: str) -> str:
    """Say that whole numbers have a name of codes, such as a postcode, whose order says nothing; "" elsewhere."""
    if not CODE_NAME.fullmatch(name) or not _whole(values_N[:SAMPLE]):
        return ""
    return (
        f"column '{name}' holds whole numbers, which its name calls codes: "
        f"{setting('data.categorical', name, in_list=True)} takes them for categories"
    )


def point_thousands(cells: Column, values_N: NDArray[np.float64]) -> bool:
    """Whether numbers with a point may be thousands: three digits after each point, and whole numbers beside them."""
    thousandfold_N = values_N[:SAMPLE] * 1000
    if (np.abs(thousandfold_N - np.rint(thousandfold_N)) > 1e-6).any() or not pa.types.is_string(cells.type):
        return False
    if _whole(values_N):
        return False
    grouped: Column = pc.match_substring_regex(cells, r"^[+-]?([1-9]\d{0,2}\.\d{3}|\d{1,3})$")
    whole: Column = pc.invert(pc.match_substring(cells, "."))
    return bool(pc.all(grouped).as_py()) and bool(pc.any(whole).as_py())


def _whole(values_N: NDArray[np.float64]) -> bool:
    """Whether no value has a fraction; NaN has none."""
    return not (np.abs(values_N - np.rint(values_N)) > 0).any()
