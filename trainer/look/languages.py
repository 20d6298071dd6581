"""In which script texts are written, and so, as far as that tells, in which language."""

from collections import Counter
from collections.abc import Sequence

ENOUGH = 0.15  # share of the letters that a script beside Latin needs: brand names and links are Latin anywhere
SOME_KANA = 0.05  # share of the East Asian letters; Chinese has none
MOST_TEXTS = 200
MOST_CHARACTERS = 500  # of each text
BLOCKS = (  # first and last code point
    (0x3040, 0x30FF, "kana"),
    (0x31F0, 0x31FF, "kana"),
    (0xAC00, 0xD7A3, "hangul"),
    (0x1100, 0x11FF, "hangul"),
    (0x3400, 0x4DBF, "han"),
    (0x4E00, 0x9FFF, "han"),
    (0x20000, 0x3FFFF, "han"),
    (0x0400, 0x052F, "ru"),
    (0x0370, 0x03FF, "el"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0E00, 0x0E7F, "th"),
)
SAID = {
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Cyrillic letters",
    "el": "Greek",
    "he": "Hebrew",
    "ar": "Arabic letters",
    "hi": "Devanagari",
    "th": "Thai",
    "latin": "Latin letters",
    "": "no letters",
}


def guess_language(texts: Sequence[str]) -> str:
    """Return zh, ja, ko, ru (Cyrillic), another script's code, ``latin``, or "" where there are no letters.

    Example:
        >>> guess_language(["房间很大，iPhone 也能用"]), guess_language(["この映画はよかった"])
        ('zh', 'ja')
    """
    counts = Counter[str]()
    for text in texts[:MOST_TEXTS]:
        counts.update(filter(None, map(_script, text[:MOST_CHARACTERS])))
    n_letters = sum(counts.values())
    if not n_letters:
        return ""
    east_asian = counts["han"] + counts["kana"]
    if counts["hangul"] >= ENOUGH * n_letters and counts["hangul"] >= east_asian:
        return "ko"
    if east_asian >= ENOUGH * n_letters:
        return "ja" if counts["kana"] >= SOME_KANA * east_asian else "zh"
    del counts["latin"]
    name, count = counts.most_common(1)[0] if counts else ("", 0)
    return name if count >= ENOUGH * n_letters else "latin"


def _script(char: str) -> str:
    code = ord(char)
    if code < 0x250:
        return "latin" if char.isalpha() else ""
    return next((name for first, last, name in BLOCKS if first <= code <= last), "")
