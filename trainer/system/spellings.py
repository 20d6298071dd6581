"""When two texts are one word written in two ways: the one rule for labels, groups, ids and file names.

They are where only these differ: upper and lower case, full and half width, the Unicode form of a letter (one code
point, or a letter and its accent), characters nobody sees, spaces (but between two digits), the kind of a dash or of a
quotation mark (A-1 with a hyphen that does not break, don't as a word processor has it), quotes around it, and a dot at
the end.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

# kept apart: x² and x2, ① and 1, ½ and 1⁄2 may mean different things
MEANINGFUL = ("<super>", "<sub>", "<circle>", "<fraction>", "<square>")
UNSEEN = frozenset({"\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", *map(chr, range(0xFE00, 0xFE10))})
QUOTES = {"'": "'", '"': '"', "`": "`", "‘": "’", "“": "”", "「": "」", "«": "»"}
AROUND = "".join((*QUOTES, *QUOTES.values(), " "))
MARKS = {  # as typesetters have them, and as they are typed
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
}
SPACES = re.compile(r"\s+")


def spelling_key(text: str) -> str:
    """Return the same text for all writings of one word."""
    if text.isascii() and text.isprintable():
        spaced = SPACES.sub(_space_kept, text.lower()) if " " in text else text.lower()
    else:
        spaced = unicodedata.normalize("NFC", SPACES.sub(_space_kept, _plain(text).casefold()))
    if spaced[:1] in QUOTES and spaced[-1:] == QUOTES[spaced[0]] and len(spaced) > 2:
        spaced = spaced[1:-1]
    return spaced.rstrip(".") or spaced


def alike(texts: Iterable[str]) -> list[list[str]]:
    """Return the groups of different texts that are one word each, in the order of the first of each."""
    forms: dict[str, list[str]] = defaultdict(list)
    for text in dict.fromkeys(texts):
        forms[spelling_key(text)].append(text)
    return [group for group in forms.values() if len(group) > 1]


def difference(texts: Sequence[str]) -> str:
    """Say in what the writings of one word differ, such as ``case`` or ``width and spaces``."""
    found = [name for name, part in PARTS if len({str(part(text)) for text in texts}) > 1]
    return " and ".join(found[:2]) or "Unicode form"


def code_points(text: str, others: Sequence[str]) -> str:
    """Return the code points of the part of ``text`` that not all of ``others`` have, such as ``U+0065 U+0300``."""
    start = _common_length([text, *others])
    end = _common_length([one[start:][::-1] for one in (text, *others)])
    part = text[start : len(text) - end]
    return " ".join(f"U+{ord(char):04X}" for char in part[:6]) + (" ..." if len(part) > 6 else "")


def _space_kept(space: re.Match[str]) -> str:
    text, start, end = space.string, space.start(), space.end()
    between = start > 0 and end < len(text) and text[start - 1].isdigit() and text[end].isdigit()
    return " " if between else ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(map(_one_width, text)))


@cache
def _one_width(char: str) -> str:
    """Return a character as it is written most often; nothing for one that is not seen."""
    if char in UNSEEN or (unicodedata.category(char) in ("Cf", "Cc") and not char.isspace()):
        return ""
    if char == "。":
        return "."
    if char in MARKS:
        return MARKS[char]
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    tag = unicodedata.decomposition(char).partition(" ")[0]
    return unicodedata.normalize("NFKC", char) if tag.startswith("<") and tag not in MEANINGFUL else char


def _common_length(texts: Sequence[str]) -> int:
    shortest = min(map(len, texts))
    return next((place for place in range(shortest) if len({text[place] for text in texts}) > 1), shortest)


def _is_of_other_width(char: str) -> bool:
    return not char.isspace() and char not in MARKS and _one_width(char) not in ("", char, ".")


def _quotes(text: str) -> str:
    return text.strip()[:1] if text.strip()[:1] in QUOTES else ""


PARTS = (  # what each keeps is all in which the writings can differ
    ("case", lambda text: [char.isupper() for char in _plain(text) if char.isalpha()]),
    ("width", lambda text: [char for char in text if _is_of_other_width(char)]),
    ("unseen characters", lambda text: [char for char in text if not _one_width(char)]),
    ("spaces", lambda text: [char for char in text if char.isspace()]),
    ("quotes", _quotes),
    ("the kind of a dash or quotation mark", lambda text: [char for char in text.strip(AROUND) if char in MARKS]),
    ("a dot at the end", lambda text: text.rstrip()[-1:] in (".", "。", "．")),
)
