"""Dates that are written as text, in days since 1970."""

import datetime
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ISO_DATE = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
HAN_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?(?:\s?(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?")
COMPACT_DATE = (
    r"(?:19|20)\d{6}[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?Z?|(?:19|20)\d{2}[-/](?:0[1-9]|1[0-2])"  # or a month
)
DAY_DATE = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?")
SHORT_DATE = re.compile(
    r"\d{1,2}([-/.])\d{1,2}\1\d{2}|" + DAY_DATE.pattern.replace(r"\2", "[-/.]") + r" ?[AaPp]\.?[Mm]\.?"
)
WORD_DATE = re.compile(
    r"(\d{1,2}[- ])?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?[- ](\d{1,2}, ?)?\d{2,4}"
)
WEEK = re.compile(r"\d{4}-?W\d{2}(?:-?[1-7])?")
MONTH_OR_QUARTER = (
    r"\d{4}年\d{1,2}月|(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}"
    r"|\d{4}[-/ ]?[QqHh][1-4]|[QqHh][1-4][-/ ]?\d{4}|\d{4}年?第?[一二三四1-4]季度?"
)
WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
DATE = re.compile(  # whether it can be read or not
    "|".join(one.pattern.replace(r"\2", "[-/.]") for one in (ISO_DATE, HAN_DATE, DAY_DATE, WEEK))
    + f"|{WEEKDAY}(?:{WORD_DATE.pattern})"
    + "|"
    + SHORT_DATE.pattern.replace(r"\1", "[-/.]")
    + r"|\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"  # what Excel makes of 1-2
    + f"|{COMPACT_DATE}|{MONTH_OR_QUARTER}"
)

# the first letters of the months in English, French, German, Spanish, Portuguese, Italian, Dutch and Russian
MONTH = re.compile(
    r"(?:jan|feb|f[eé]v|mar|m[aä]r|mrt|apr|avr|abr|ma[iyj]|mei|mag|jun|juin|jui|giu|jul|lug|aug|ago|ao[uû]|sep|set|o[ck]t|out|ott|nov"
    r"|de[czs]|d[eé]c|dic|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)\w*"
)
BESIDE_MONTH = re.compile(
    r"mon|tue|wed|thu|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day|tues|thur|thurs|am|pm|a|p|m|st|nd|rd|th|de|del|le|den|"
    r"der|of|the|at|t|z|utc|gmt|[ecmpjk][ds]t|ces?t|г|года"
)
HAN_MOMENT = re.compile(
    r"(?:民[国國]|令和|平成|昭和)\s?\d{1,3}\s?年(?:\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?[日号號])?)?|"
    r"\d{1,2}\s?月\s?\d{1,2}\s?[日号號]|\d{4}년(?:\s?\d{1,2}월(?:\s?\d{1,2}일)?)?|"
    r"\d{4}\s*(?:年|[-/.])\s*\d{1,2}\s*(?:月|[-/.])\s*\d{1,2}\s*[日号號]?\s*\(?(?:(?:星期|周|週|礼拜)[一二三四五六日天])?\)?\s*"
    r"(?:凌晨|早上|上午|中午|下午|晚上)?\s*(?:\d{1,2}\s*[:时時点點]\s*(?:\d{1,2}\s*[:分]?\s*)?(?:\d{1,2}(?:\.\d+)?\s*秒?)?)?\s*(?:UTC|GMT|Z|[+-]\d{2}:?\d{2})?"
)
LONGEST_DATE = 48

DATES, DAY_FIRST, MONTH_FIRST = "dates", "dates, day first", "dates, month first"


def all_match(pattern: re.Pattern[str], texts: Sequence[str]) -> list[re.Match[str]] | None:
    """Return what a pattern finds in each text as a whole, or None where it does not fit one."""
    found: list[re.Match[str]] = []
    for text in texts:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        found.append(match)
    return found


def is_date_in_words(text: str) -> bool:
    """Return whether a text is a date with a month's name, or a Chinese one with a day of the week or a clock time.

    Example:
        >>> [is_date_in_words(one) for one in ("Fri Mar 01 08:00:00 +0000 2024", "1 de marzo de 2024", "May be 2 of 3")]
        [True, True, False]
    """
    if len(text) > LONGEST_DATE:
        return False
    if HAN_MOMENT.fullmatch(text):
        return True
    words, numbers = re.findall(r"[^\W\d_]+", text.lower()), re.findall(r"\d+", text)
    months = [word for word in words if MONTH.fullmatch(word) and len(word) < 11]
    others = [word for word in words if word not in months]
    return len(months) == 1 and len(numbers) > 1 and all(map(BESIDE_MONTH.fullmatch, others))


def dates_in_days(texts: Sequence[str], semicolon: bool, *, first: str | None = None) -> list[float] | None:
    """Return days since 1970; whether the day or the month comes first is seen from a day above 12, else not read.

    Args:
        texts: all of one form.
        semicolon: says nothing here.
        first: ``DAY_FIRST`` or ``MONTH_FIRST`` where that is known.
    """
    try:
        if found := all_match(ISO_DATE, texts):
            return [_days(match.group()) for match in found]
        if found := all_match(HAN_DATE, texts):
            return [_ordinal(*map(int, match.groups()[:3])) + _share_of_day(match[4] or "") for match in found]
        if found := all_match(DAY_DATE, texts):
            largest = max(int(match[1]) for match in found), max(int(match[3]) for match in found)
            if first in (DAY_FIRST, MONTH_FIRST) or (largest[0] > 12) != (largest[1] > 12):
                day_first = first == DAY_FIRST if first in (DAY_FIRST, MONTH_FIRST) else largest[0] > 12
                day, month = (1, 3) if day_first else (3, 1)
                return [
                    _ordinal(*map(int, (match[4], match[month], match[day]))) + _share_of_day(match[5] or "")
                    for match in found
                ]
    except ValueError:  # no such day
        return None
    return None


def dates_form(texts: Sequence[str]) -> str:
    """Return which of day and month comes first in dates that ``dates_in_days`` has read, where that is to be known."""
    found = all_match(DAY_DATE, texts)
    return DATES if not found else DAY_FIRST if max(int(match[1]) for match in found) > 12 else MONTH_FIRST


def _days(text: str) -> float:
    date, _, time = re.sub(r"[/.](?=\d{1,2}[/. T]|\d{1,2}$)", "-", text.replace("T", " "), count=2).partition(" ")
    days = _ordinal(*map(int, date.split("-")))
    return days + _share_of_day(time)


def _share_of_day(time: str) -> float:
    """Return the part of a day that has passed at 12:30 or 12:30:00.5+02:00, in universal time."""
    if not time:
        return 0.0
    hour, rest = time.replace("Z", "+00:00").split(":", 1)
    clock = datetime.time.fromisoformat(f"{hour.zfill(2)}:{rest}")
    offset = clock.utcoffset() or datetime.timedelta()
    seconds = 3600 * clock.hour + 60 * clock.minute + clock.second + clock.microsecond / 1e6
    return (seconds - offset.total_seconds()) / 86400


def _ordinal(year: int, month: int, day: int) -> float:
    return float(datetime.date(year, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal())


def compact_dates_note(values_N: NDArray[np.float64], name: str) -> str:
    """Say that whole numbers look like dates written 20200131, of which the differences say little; "" elsewhere."""
    known = values_N[~np.isnan(values_N)]
    if not len(known) or known.min() < 1900_01_01 or known.max() > 2100_12_31 or (known % 1).any():
        return ""
    months, days = known // 100 % 100, known % 100
    if not ((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all():
        return ""
    return (
        f"column '{name}' looks like dates ({known[0]:.0f}), taken as plain numbers: "
        "write them with dashes to have days"
    )
