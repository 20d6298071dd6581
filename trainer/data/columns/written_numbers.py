"""Numbers that are written as text: percent, money, thousands, decimal commas, dates; read where all cells agree.

A number keeps its value as it stands: 83.61% is 83.61, so that it does not matter whether a later file has the sign.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import rows_listed, setting
from trainer.data.columns.written_dates import DATE, DATES, all_match, dates_form, dates_in_days
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

PLAIN = r"\d+(?:\.\d*)?|\.\d+"
SIGN = r"[+-]?\s?"
MONEY = r"(?:[$€£¥₹₩₽]|US\$|USD|EUR|GBP|CNY|RMB|JPY|CHF|INR|kr|元|円)"
GROUPED = r"\d{1,3}(?:[ _'’\u00a0\u202f]\d{3})+(?:\.\d+)?"
COMMA_GROUPED = r"(?:\d{1,3}(?:[. '’]\d{3})+|\d+)(?:,\d+)?"
AMOUNT = rf"(?:{PLAIN}|{GROUPED}|\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?)"
CENSORED = re.compile(rf"[<>≤≥~≈]\s?=?\s?{SIGN}(?:{PLAIN}|\d+,\d+)")
CLOCK = r"\d{1,3}:\d{2}(:\d{2}(\.\d+)?)?"
DURATION = re.compile(CLOCK + r"|(\d+\s?(d|h|hrs?|m|min|mins|s|sec|天|小时|分|分钟|秒)\s?)+", re.I)
UNITS = "mm|cm|m|km|in|ft|mi|mg|g|kg|lbs?|oz|ml|l|°C|°F|k?Hz|[MG]Hz|k?W|V|ms|[kMGT]B|k|K|M|bn|万|亿|岁|年|个月|个"
WITH_UNIT = re.compile(rf"{SIGN}(?:{PLAIN})\s?(?:{UNITS})(?:/[a-z]+)?")
FEW = 12  # different texts that make categories, whatever they look like
SAMPLE = 1_000  # rows that say of most columns that they are plain numbers
MOST_LOOKED_AT = 5_000  # different texts of a column
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
    if not texts or not any(any(char.isdigit() for char in text) for text in texts):
        return None
    codes_N = as_numpy(encoded.indices.fill_null(-1))
    counts = np.bincount(codes_N + 1, minlength=len(texts) + 1)[1:]
    place = f"{file}: column '{name}'"
    for key, (what, read) in FORMS.items():
        values = read(texts, semicolon) if not thousands or key == POINT_THOUSANDS else None
        if values is None:
            continue
        if strict:
            raise _refused(place, name, f"holds {what}", texts, codes_N, range(len(texts)))
        values_N = np.append(np.array(values, dtype=np.float64), np.nan)[codes_N]
        note = f"column '{name}' holds {what} such as '{shown(texts[0], 30)}': read as {values[0]:g}"
        return Written(values_N, note, dates_form(texts) if key == DATES else key)
    some = np.arange(0, len(texts), 1 + len(texts) // MOST_LOOKED_AT)
    kinds = {place: _kind(texts[place]) for place in some.tolist()}
    odd = [place for place, kind in kinds.items() if kind not in ("", "plain numbers")]
    if not odd or counts[[place for place in kinds if kinds[place]]].sum() <= MOSTLY * counts[some].sum():
        return None
    named = " and ".join(list(dict.fromkeys(kinds[place] for place in odd))[:3])
    if len(texts) <= FEW and len(texts) * 5 <= counts.sum():  # 4GB and 8GB are two kinds as well
        return None
    raise _refused(place, name, f"looks like {named}", texts, codes_N, odd)


def read_written_as(texts: Sequence[str], form: str, *, sure: bool) -> list[float] | None:
    """Return the numbers in texts that are written in one form, or None where one is not.

    Args:
        texts: trimmed, none empty.
        form: as ``Written`` has it.
        sure: the form is known; else the texts themselves must show that 1,234 is in it.
    """
    plain = [plain_width(text) for text in texts]
    if form.startswith(DATES):
        return dates_in_days(plain, False, first=form if sure else None)
    read = FORMS[form][1]
    return SURE[form](plain, False, sure=True) if sure and form in SURE else read(plain, False)


def plain_width(text: str) -> str:
    """Return a text with full-width digits and signs, and every minus, as ASCII has them."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()


def _refused(
    place: str, name: str, what: str, texts: Sequence[str], codes_N: NDArray[np.int64], codes: Sequence[int]
) -> DataError:
    rows = np.isin(codes_N, list(codes))
    return DataError(
        f"{place} {what}, such as '{shown(texts[codes[0]], 30)}' in {rows_listed(rows)}:\n"
        f"write all of its cells as plain numbers, or set {setting('data.categorical', name, in_list=True)}"
    )


def _kind(text: str) -> str:
    """Return what a text looks like, or "" for a word."""
    for kind, pattern in KINDS:
        if pattern.fullmatch(text):
            return kind
    return ""


def _plain(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    """Numbers whose digits or signs were of another width."""
    return [float(text) for text in texts] if all_match(NUMBER, texts) else None


def _percent(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    if not all_match(re.compile(rf"{SIGN}(?:{PLAIN}|\d+,\d+)\s?[%‰]"), texts) or len({text[-1] for text in texts}) > 1:
        return None
    bare = [text[:-1].strip() for text in texts]
    return _plain(bare, semicolon) or _decimal_comma(bare, semicolon)


def _money(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    found = all_match(re.compile(_of_money(rf"{AMOUNT}|{COMMA_GROUPED}")), texts)
    if not found or len({match["before"] or match["after"] for match in found}) > 1:
        return None
    if not (found[0]["before"] or found[0]["after"]):
        return None
    amounts = [match["amount"] for match in found]
    if any(re.search(r"^\d{1,3},\d{3}$", amount) for amount in amounts) and semicolon:
        return None
    values = _decimal_comma(amounts, semicolon)
    if values is None and all_match(re.compile(AMOUNT), amounts):
        values = [float(re.sub(r"[^\d.]", "", amount)) for amount in amounts]
    if values is None:
        return None
    negative = [bool(match["open"]) or "-" in match.group() for match in found]
    return [-value if below else value for value, below in zip(values, negative, strict=True)]


def _of_money(amount: str) -> str:
    return rf"(?P<open>\()?{SIGN}(?P<before>{MONEY})?\s?{SIGN}(?P<amount>{amount})\s?(?P<after>{MONEY})?\)?"


def _accounts(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    """Numbers of which those below zero are in parentheses."""
    below = [text.startswith("(") and text.endswith(")") for text in texts]
    if not any(below) or all(below):
        return None
    bare = [text[1:-1].strip() if negative else text for text, negative in zip(texts, below, strict=True)]
    for read in (_plain, _decimal_comma, _comma_grouped, _grouped):
        values = read(bare, semicolon)
        if values is not None:
            return [-value if negative else value for value, negative in zip(values, below, strict=True)]
    return None


def _grouped(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    """Thousands apart by a space, an underscore or an apostrophe."""
    if not all_match(re.compile(rf"{SIGN}(?:{GROUPED}|\d{{1,3}}(?:\.\d+)?)"), texts):
        return None
    return [float(re.sub(r"[^\d.+-]", "", text)) for text in texts]


def _comma_grouped(texts: Sequence[str], semicolon: bool, *, sure: bool = False) -> list[float] | None:
    """Thousands apart by a comma: sure where there are two of them in a cell, or a point after one."""
    if not all_match(re.compile(rf"{SIGN}(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,3}})(?:\.\d+)?"), texts):
        return None
    sure = sure or any(text.count(",") > 1 or ("," in text and "." in text) for text in texts)
    return [float(text.replace(",", "").replace(" ", "")) for text in texts] if sure else None


def _decimal_comma(texts: Sequence[str], semicolon: bool, *, sure: bool = False) -> list[float] | None:
    """Numbers with a decimal comma, perhaps with points or spaces between thousands; 1,234 alone may be either."""
    if not all_match(re.compile(SIGN + COMMA_GROUPED), texts):
        return None
    sure = sure or any(
        re.search(r",\d{1,2}$|,\d{4,}$|^[+-]?0,", text) or (text.count(".") and "," in text) for text in texts
    )
    return [float(re.sub(r"[. '’]", "", text).replace(",", ".")) for text in texts] if sure else None


def _point_grouped(texts: Sequence[str], semicolon: bool, *, sure: bool = False) -> list[float] | None:
    """Thousands apart by a point: two in a cell, or in a file that keeps the comma for decimals."""
    found = all_match(re.compile(rf"{SIGN}(?:[1-9]\d{{0,2}}(?:\.\d{{3}})+|\d{{1,3}})"), texts)
    sure = sure or any(text.count(".") > 1 for text in texts) or (semicolon and any("." in text for text in texts))
    return [float(text.replace(".", "").replace(" ", "")) for text in texts] if found and sure else None


NUMBER = re.compile(rf"[+-]?(?:{PLAIN})(?:[eE][+-]?\d+)?")
PLAIN_NUMBERS, POINT_THOUSANDS = "plain", "point thousands"
FORMS: dict[str, tuple[str, Callable[[Sequence[str], bool], list[float] | None]]] = {  # in the order they are tried
    PLAIN_NUMBERS: ("numbers", _plain),
    "percent": ("percentages", _percent),
    "money": ("amounts of money", _money),
    "decimal comma": ("numbers with a decimal comma", _decimal_comma),
    "comma thousands": ("numbers with commas between thousands", _comma_grouped),
    POINT_THOUSANDS: ("numbers with points between thousands", _point_grouped),
    "thousands apart": ("numbers with thousands apart", _grouped),
    "parentheses": ("numbers, some in parentheses,", _accounts),
    DATES: ("dates (in days since 1970)", dates_in_days),
}
SURE = {"decimal comma": _decimal_comma, "comma thousands": _comma_grouped, POINT_THOUSANDS: _point_grouped}
KINDS = (
    ("plain numbers", NUMBER),
    ("numbers with a comma", re.compile(rf"{SIGN}(?:\d+(?:[.,]\d+)+|\d{{1,3}}(?:[ '’]\d{{3}})+,\d+)")),
    ("percentages", re.compile(rf"{SIGN}(?:{PLAIN}|\d+,\d+)\s?[%‰]")),
    (
        "amounts of money",
        re.compile(
            rf"\(?{SIGN}{MONEY}\s?{SIGN}(?:{AMOUNT}|{COMMA_GROUPED})\)?|{SIGN}(?:{AMOUNT}|{COMMA_GROUPED})\s?{MONEY}"
        ),
    ),
    ("numbers in parentheses", re.compile(rf"\((?:{AMOUNT}|{COMMA_GROUPED})\)")),
    ("numbers with thousands apart", re.compile(SIGN + GROUPED)),
    ("dates", DATE),
    ("bounds (below or above a value)", CENSORED),
    ("times or durations", DURATION),
    ("numbers with a unit", WITH_UNIT),
)


def codes_note(cells: Column, values_N: NDArray[np.float64], name: str) -> str:
    """Say why a column of numbers holds codes: leading zeros, or 1e3 among whole numbers; "" where it holds numbers."""
    if not pa.types.is_string(cells.type) or not _whole(values_N[:SAMPLE]) or not _whole(values_N):
        return ""
    zero: Column = pc.starts_with(cells, "0")
    other: Column = pc.not_equal(cells, pa.scalar("0"))
    with_zero: Column = pc.and_(zero, other)
    with_e: Column = pc.match_substring(cells, "e", ignore_case=True)
    for doubtful, pattern, what in (
        (with_zero, r"^0\d+$", "zeros in front"),
        (with_e, r"^\d+[eE]\d+$", "an e between digits"),
    ):
        some: Column = cells.filter(pc.fill_null(doubtful, False))
        matched: Column = pc.match_substring_regex(some, pattern)
        if len(some) and pc.all(matched).as_py():
            example = shown(some[0].as_py(), 30)
            return (
                f"column '{name}' holds codes ('{example}': {what}), taken as categories; for numbers set "
                f"{setting('data.numeric', name, in_list=True)}"
            )
    return ""


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
