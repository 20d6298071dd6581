"""What a text looks like that is no plain number and may have been meant as one: kinds that are refused by name."""

import re
from collections import Counter
from collections.abc import Sequence

from trainer.data.columns.number_forms import AMOUNT, COMMA_GROUPED, GROUPED, MONEY, NUMBER, PLAIN, SIGN
from trainer.data.columns.written_dates import DATE, is_date_in_words

PLAIN_KIND, UNIT_KIND, RANGES = "plain numbers", "numbers with a unit", "ranges (two numbers in a cell)"
ABOUT = (
    r"[<>≤≥~≈±]\s?=?|大约|约|将近|接近|近|超过|超|逾|高于|低于|大于|小于|多于|少于|不足|不到|至少|至多|最多|最少|"
    r"about|around|approx\.?|circa|ca\.|over|under|up to|at least|at most|below|above|less than|more than|max\.?|min\.?"
)
CENSORED = re.compile(rf"(?:{ABOUT}|p\s?[<>=≤≥])\s?{SIGN}(?:(?:{PLAIN})(?:e[+-]?\d+)?|\d+,\d+)\s?[^\d\s]{{0,4}}", re.I)
CLOCK = r"\d{1,3}:\d{2}(:\d{2}(\.\d+)?)?"
ZONE = r"(?:\s?(?:Z|UTC|GMT|[ECMPJK][DS]T|CES?T|[+-]\d{2}:?\d{2}))"
PARTS = (
    r"(\d+(\.\d+)?\s?(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|weeks?|wks?|months?|mos?|years?|yrs?|y"
    r"|天|小时|分|分钟|秒|点|點|时|時|岁|年|个月|月龄|周|星期|日)\s?)+"
)
ISO_DURATION = r"-?P(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?"
DURATION = re.compile(
    rf"[+-]?{CLOCK}(\s?[AP]\.?M\.?)?{ZONE}?|(上午|下午)\s?(?:{CLOCK}|{PARTS})|{PARTS}|-?\d+\s?(days?|天),?\s?\+?{CLOCK}|{ISO_DURATION}|0\d\d[YMWD]",
    re.I,
)
UNITS = (
    "mm|cm|m|km|in|ft|mi|mg|g|kg|lbs?|oz|ml|l|°C|°F|k?Hz|[MG]Hz|k?W|V|ms|[kKMGT]i?B|k|K|M|bn|万|亿|岁|年|个月|个"
    r"|percent|pct|[×x*]\s?10\^?[+-]?\d+|±\s?\d+(?:\.\d+)?"
)
WITH_UNIT = re.compile(rf"{SIGN}(?:{PLAIN}|\d+,\d+)\s?(?:{UNITS})(?:/[a-z]+)?")
_ANGLE = rf"{SIGN}\d{{1,3}}(?:[.,]\d+)?\s?°(?:\s?\d{{1,2}}(?:[.,]\d+)?\s?['′’])?"
_ANGLE += r"(?:\s?[\d.,]+\s?(?:[\"″”]|′′|''))?\s?[NSEWO]?"
ANGLE = re.compile(rf"{_ANGLE}(?:[\s,;]+{_ANGLE})?")
FEET = re.compile(
    r"\d{1,2}\s?['′’]\s?(?:\d{1,2}(?:\.\d+)?\s?(?:[\"″”]|'')?)?|\d{1,2}\s?(?:ft|feet)\.?\s?\d{1,2}(?:\.\d+)?\s?in(?:ch(?:es)?)?\.?"
)
LAKHS = r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"  # 1,00,000
_ONE = rf"{SIGN}(?:{PLAIN})(?:[eE][+-]?\d+)?"
_ITEM = rf"['\"]?{_ONE}['\"]?"
POINT = r"(?:SRID=\d+;\s?)?POINT\s?Z?\s?\([-+\d.\s]+\)"  # as geographers write it
LIST = re.compile(
    rf"[\[(]\s*{_ITEM}(?:\s*[,;]\s*{_ITEM}|\s+{_ITEM})+\s*[\])]|(?=.*\d\.\d){_ONE}(?:(?:\s*[;|\\]\s*|,?\s+){_ONE})+"
    rf"|{_ONE}(?:(?:\s*[;|\\,]\s*|\s+){_ONE}){{4,}}|{POINT}"  # whole ones: telephones have fewer groups
)
_SIZE = rf"{SIGN}(?:{PLAIN}|\d+,\d+)\s?(?:{UNITS}|[^\W\d_]{{1,3}})?"
SEVERAL = re.compile(  # 12.5 x 30 cm, 190Nm@ 2000rpm, 12°C/5°C, 88+2, 5 lb 3 oz
    rf"(?=.*[^\d\s/.,-]){_SIZE}(?:\s?[@x×*/+]\s?{_SIZE}){{1,2}}|(?:(?:{PLAIN})\s?(?:{UNITS})(?:\s|$)){{2,}}", re.I
)
TIMES_MONEY = r"\s?(?:[kKmMbBT]|mn|bn|[mb]illions?|万|亿|[lL]akhs?|[cC]r(?:ores?)?)"
KINDS = (
    (PLAIN_KIND, NUMBER),
    ("dates", DATE),
    ("numbers with a comma", re.compile(rf"{SIGN}(?:(?=[^,]*,)\d+(?:[.,]\d+)+|\d{{1,3}}(?:[ '’]\d{{3}})+,\d+)")),
    ("numbers with a comma", re.compile(rf"{SIGN}\d+,\d+[eE][+-]?\d+")),
    ("numbers with points between thousands", re.compile(rf"{SIGN}[1-9]\d{{0,2}}(?:\.\d{{3}}){{2,}}")),
    ("fractions", re.compile(rf"{SIGN}(?:\d+ )?(?:{PLAIN})\s?/\s?\d+")),
    ("hexadecimal numbers", re.compile(r"0x[\da-fA-F]+")),
    ("numbers with an exponent as Fortran writes it", re.compile(rf"{SIGN}\d*\.\d*[dD][+-]?\d+")),
    ("angles", ANGLE),
    ("lengths in feet", FEET),
    ("numbers in a formula of Excel", re.compile(rf'=\s?"?{SIGN}(?:{PLAIN})"?')),
    ("numbers behind an apostrophe of Excel", re.compile(rf"['’]{SIGN}(?:{PLAIN})")),
    ("numbers in quotes", re.compile(rf"[\"'‘“]{SIGN}(?:{PLAIN})[\"'’”]")),
    ("numbers with marks behind them", re.compile(rf"{SIGN}(?:{AMOUNT})\s?(?:[*†‡↑↓▲▼]+|[+;,:；，：-]|\[\w{{1,3}}\])")),
    ("percentages", re.compile(rf"{SIGN}(?:{PLAIN}|\d+,\d+)\s?[%‰]")),
    (
        "amounts of money",
        re.compile(
            rf"\(?{SIGN}{MONEY}\s?{SIGN}(?:{AMOUNT}|{COMMA_GROUPED}|{LAKHS})(?:\s?{MONEY})?\)?(?:{TIMES_MONEY}|\s?/\s?\w{{1,9}})?|"
            rf"{SIGN}(?:{AMOUNT}|{COMMA_GROUPED}|{LAKHS})\s?{MONEY}|{SIGN}(?:{AMOUNT}|{COMMA_GROUPED})[.,][-–—]+"
        ),
    ),
    ("numbers in parentheses", re.compile(rf"\((?:{AMOUNT}|{COMMA_GROUPED})\)")),
    ("lists of numbers", LIST),
    ("numbers with thousands apart", re.compile(SIGN + GROUPED)),
    ("bounds (below or above a value)", CENSORED),
    ("times or durations", DURATION),
    ("ratios", re.compile(rf"(?:{PLAIN})\s?[:：]\s?(?:\d|{PLAIN})")),
    (UNIT_KIND, WITH_UNIT),
    ("several numbers in a cell", SEVERAL),
)
# of the internet: digits and points, and no number
ADDRESS = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}")
# 12号 and 3班 are called so, 12.jpg and 12@mail.org too: what is counted or measured has another word behind it
MEASURED = re.compile(
    rf"{SIGN}(?:{MONEY}\s?)?(?:0|[1-9]\d{{0,14}}|\d{{0,14}}\.\d+|{GROUPED}|\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+/\d+)"
    r"(?P<word>\s?(?![xX*]{2,}$|(?:st|nd|rd|th)$)(?![号號室班楼层栋级路届期章页组队批区线床幢]|车间|诊室|病区|病房|教室)[^\d\s.,:;@#/\\_-][^@\\]{0,15})"
)

BOUND = rf"(?:{MONEY}\s?)?(?:0|[1-9]\d{{0,7}}|(?:0|[1-9]\d{{0,7}})\.\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)"
RANGE = re.compile(
    rf"(?P<low>{BOUND})(?P<unit>\s?(?:{UNITS}|千)|)\s?(?:[-\u2010-\u2015~\uff5e至到]|to|\.\.)\s?(?P<high>{BOUND})"
    r"(?:\s?[^\d.,:;@#/\\_-][^\d@\\]{0,15})?(?:·\d\d薪)?",
    re.I,
)
WIDEST = 10  # times its lower bound is the upper one of a range; of room 3-201 the second number is larger
MOST_OF = 0.9  # share of the texts
PHONE = re.compile(r"\d{3}-\d{4}")

MOST_UNITS = 3  # of all texts of a column, such as Lac and Cr
TIMES = re.compile(r"^(?:[万亿千百]|[kKwWM](?![a-zA-Z]))?\+?\s?(?=.)")  # 3万+人 and 456人 have one word behind


def kind_of(text: str) -> str:
    """Return what a text looks like, or "" for a word."""
    for kind, pattern in KINDS:
        if pattern.fullmatch(text):
            return kind
    return "dates" if is_date_in_words(text.strip("[](){}<>")) else ""


def are_addresses(texts: Sequence[str]) -> bool:
    """Return whether texts are addresses of the internet, such as 192.168.100.200."""
    return all(map(ADDRESS.fullmatch, texts))


def with_one_word(texts: Sequence[str]) -> list[int]:
    """Return the places of numbers behind all of which one word stands, such as 5斤, 7斤, 12斤, or one of a few."""
    found = {place: match for place, text in enumerate(texts) if (match := MEASURED.fullmatch(text))}
    if not found:
        return []
    words = {place: TIMES.sub("", match["word"].strip()) for place, match in found.items()}
    counts = Counter(words.values()).most_common(MOST_UNITS)
    is_all = len(counts) > 1 and sum(n for _, n in counts) == len(texts) and min(len(word) for word, _ in counts) > 1
    units = {word for word, _ in counts} if is_all else {counts[0][0]}
    return [place for place, word in words.items() if word in units]


def ranges(texts: Sequence[str]) -> list[int]:
    """Return the places of ranges such as 10-20 or 1.5~2万, where nearly all texts are such.

    Example:
        >>> ranges(["0-10", "10-20", "$1,000 - $2,000"]), ranges(["3-201", "4-102"]), ranges(["45-37", "30-52"])
        ([0, 1, 2], [], [])
    """
    found = [place for place, text in enumerate(texts) if (match := RANGE.fullmatch(text)) and _goes_up(match)]
    return found if len(found) >= MOST_OF * len(texts) and not all(map(PHONE.fullmatch, texts)) else []


def _goes_up(match: re.Match[str]) -> bool:
    low, high = (float(re.sub(r"[^\d.]", "", match[bound])) for bound in ("low", "high"))
    return bool(match["unit"].strip()) or (low < high and (low == 0 or high <= WIDEST * low))
