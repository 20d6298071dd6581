"""Ways of writing numbers: percent, money, thousands, decimal commas, truth, dates; on the standard library alone.

A number keeps its value as it stands: 83.61% is 83.61.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from trainer.data.columns.written_dates import DATES, all_match, dates_in_days

PLAIN = r"\d+(?:\.\d*)?|\.\d+"
SIGN = r"[+-]?\s?"
MONEY = (  # signs, codes and words
    r"(?:(?:US|HK|NT|R|A|AU|C|CA|S|SG|NZ|MX)?\$|[€£¥₹₩₽₺₪₫₱₴₦฿]|US\$|USD|EUR|GBP|CNY|RMB|JPY|CHF|INR|HKD|TWD|KRW|AUD|CAD|SGD|RUB"
    r"|AED|SAR|QAR|TL|ZAR|NGN|KES|THB|IDR|MYR|VND|ILS|HUF|CLP|ARS|UAH|PKR|BDT|BRL|MXN|SEK|NOK|DKK|PLN|CZK|Rs\.?|Rp\.?|RM|kr\.?|zł|Kč|元|円|원|块|块钱|人民币|美元|欧元|日元|英镑|港币|港元|台币|卢布|韩元"
    r"|dollars?|euros?|pounds?|руб\.?)"
)
GROUPED = r"\d{1,3}(?:[ _'’\u00a0\u202f]\d{3})+(?:\.\d+)?"
COMMA_GROUPED = r"(?:\d{1,3}(?:[. '’]\d{3})+|\d+)(?:,\d+)?"
AMOUNT = rf"(?:{PLAIN}|{GROUPED}|\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?)"


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


APART = re.compile(r"[1-9]\d{0,2}([ _',])\d{3}(?:\1\d{3})*(?:\.\d+)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?", re.ASCII)
CONTINENTAL = re.compile(r"[1-9]\d{0,2}(?:([. '])\d{3}(?:\1\d{3})*,\d+|(?:\.\d{3}){2,})|\d+,\d+", re.ASCII)
SIGNED = re.compile(rf"(-|\+|)({MONEY}|)(-|\+|)(\d[\d.,_' ]*|\.\d+)({MONEY}|[%‰]|)", re.ASCII | re.I)


def bare_number(text: str) -> tuple[str, str]:
    """Return a number without what is between its thousands, with a decimal point; and its currency or percent sign.

    Of one text alone: 1,000 is a thousand, 0,500 and 1,5 are not. Both are "" where the text is no number.

    Args:
        text: by ``spelling_key``.
    """
    found = SIGNED.fullmatch(text)
    if found is None:
        return "", ""
    amount = found[4]
    if APART.fullmatch(amount):
        amount = re.sub(r"[ _',]", "", amount)
    elif CONTINENTAL.fullmatch(amount):
        amount = re.sub(r"[. ']", "", amount).replace(",", ".")
    return (found[1] or found[3]) + amount, found[2] + found[5]


def words_for_none(missing: Sequence[object]) -> list[str]:
    """Return the texts that mean "no value": YAML makes one thing of null, Null and NULL, and of nan and NaN.

    Example:
        >>> words_for_none(["-", None, -99])
        ['-', 'null', 'Null', 'NULL', '-99']
    """
    texts: list[str] = []
    for token in missing:
        is_nan = isinstance(token, float) and token != token
        texts += NULLS if token is None else NANS if is_nan else [str(token)]
    return texts


def numbers_for_none(missing: Sequence[object]) -> list[float]:
    """Return the numbers among the cells that mean "no value"."""
    return [float(str(token)) for token in missing if NUMBER.fullmatch(str(token))]


NULLS, NANS = ("null", "Null", "NULL"), ("nan", "NaN", "NAN")
MINUS = re.compile(r"\u2212|^[\u2010-\u2015]\s?(?=[\d.,])")  # a dash in front of a number is meant as one
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
ODD = re.compile("[。·\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u206f\u2212\ufeff]")  # any of these three
POINT = re.compile(r"(?<=\d)[。·](?=\d)")  # as a Chinese keyboard types it


def plain_width(text: str) -> str:
    """Return a text with full-width digits and minus and point as ASCII has them, without what is not seen."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    return POINT.sub(".", MINUS.sub("-", UNSEEN.sub("", plain))).strip() if ODD.search(plain) else plain.strip()


def _plain(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    """Numbers whose digits or signs were of another width."""
    return [float(text) for text in texts] if all_match(NUMBER, texts) else None


def _truth(texts: Sequence[str], semicolon: bool) -> list[float] | None:
    """Truth values as pandas, polars, R and Excel write them, which are 1 and 0 where a format has a type for them."""
    values = [TRUTH.get(text.lower()) for text in texts]
    return [value for value in values if value is not None] if None not in values else None


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
    negative = [bool(match["open"] or match["inner"]) or "-" in match.group() for match in found]
    return [-value if below else value for value, below in zip(values, negative, strict=True)]


def _of_money(amount: str) -> str:
    return (
        rf"(?P<open>\()?{SIGN}(?P<before>{MONEY})?\s?(?P<inner>\()?{SIGN}(?P<amount>{amount})\s?(?P<after>{MONEY})?\)?"
    )


def _accounts(texts: Sequence[str], semicolon: bool, *, sure: bool = False) -> list[float] | None:
    """Numbers of which those below zero are in parentheses, or have the minus behind."""
    behind = [text.endswith("-") for text in texts]
    below = [(text.startswith("(") and text.endswith(")")) or minus for text, minus in zip(texts, behind, strict=True)]
    if not sure and any(behind) and not any(re.search(r"\d\D?\d", text) for text in texts):  # marks such as 2-
        return None
    if not sure and (not any(below) or all(below)):
        return None
    bare = [
        text[text.startswith("(") : -1].strip() if minus else text for text, minus in zip(texts, below, strict=True)
    ]
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
PLAIN_NUMBERS, POINT_THOUSANDS, TRUTH_VALUES = "plain", "point thousands", "true/false"
TRUTH = {"true": 1.0, "false": 0.0}
FORMS: dict[str, tuple[str, Callable[[Sequence[str], bool], list[float] | None]]] = {  # in the order they are tried
    PLAIN_NUMBERS: ("numbers", _plain),
    "percent": ("percentages", _percent),
    "money": ("amounts of money", _money),
    "decimal comma": ("numbers with a decimal comma", _decimal_comma),
    "comma thousands": ("numbers with commas between thousands", _comma_grouped),
    POINT_THOUSANDS: ("numbers with points between thousands", _point_grouped),
    "thousands apart": ("numbers with thousands apart", _grouped),
    "parentheses": ("numbers, some in parentheses or with the minus behind,", _accounts),
    TRUTH_VALUES: ("true/false", _truth),
    DATES: ("dates (in days since 1970)", dates_in_days),
}
SURE = {
    "decimal comma": _decimal_comma,
    "comma thousands": _comma_grouped,
    POINT_THOUSANDS: _point_grouped,
    "parentheses": _accounts,
}
