"""Guess the encoding of text that is not UTF-8 from the characters it would hold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

SAMPLE_BYTES = 200_000
EVERYDAY_SHARE = 0.7  # of the characters beyond ASCII, where a guess fits
FREQUENT_SHARE = 0.2  # needed where two bytes of Chinese would fit too
SPRINKLED = 0.25  # accents and curly quotes: most bytes beyond ASCII there are among Western letters

CHINESE = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要出也得里后自以会家可下过天去能对小多么都好看起发没成只如事还用样想作开很"  # noqa: E501
CHINESE_TRADITIONAL = "的一是了我不人在他有這個上們來到時大地為子中你說生國年著就那和要出也得裡後自以會家可下過天去能對小多麼都好看起發沒成只如事還用樣想作開很"  # noqa: E501
KOREAN = "이다는가을의에고하지도로한은를기어사나리서아그수안해들있정시보만전인일너무요습니"
HIRAGANA = "".join(map(chr, range(0x3041, 0x3094)))
KATAKANA = "".join(map(chr, range(0x30A1, 0x30FD)))
CYRILLIC = "".join(map(chr, range(0x430, 0x450))) + "ё"  # small letters: Chinese misread has as many capitals
WESTERN = "‘’“”–—…€£©®°·«»§™¿¡\u00a0" + "".join(map(chr, range(0xC0, 0x100)))


@dataclass(frozen=True)
class Guess:
    """An encoding and what text in it looks like.

    Attributes:
        codecs: its names, the narrowest first; a file is told the first one that reads all of it.
        everyday: the characters most text consists of.
        frequent: those that no text of some length lacks, or "" where they are not needed.
        sprinkled: whether few bytes are beyond ASCII; None = either.
    """

    codecs: tuple[str, ...]
    everyday: Callable[[], Iterable[str]]
    frequent: str
    needed: float = FREQUENT_SHARE
    sprinkled: bool | None = None


def likely_encodings(raw: bytes) -> tuple[str, ...]:
    """Return the encodings that fit, the likeliest first; none where nothing does."""
    wide = _wide_encoding(raw)
    if wide:
        return (wide,)
    sample = b"\n".join(line for line in raw.splitlines() if not line.isascii())[:SAMPLE_BYTES]
    sprinkled = sum(byte > 0x7F for byte in sample) <= SPRINKLED * len(sample)
    fitting = []
    for guess in GUESSES:
        beyond_ascii = [char for char in sample.decode(guess.codecs[-1], "replace") if not char.isascii()]
        frequent = share(beyond_ascii, frozenset(guess.frequent))
        fits = guess.sprinkled in (None, sprinkled) and frequent >= guess.needed
        if fits and share(beyond_ascii, _everyday(guess)) >= EVERYDAY_SHARE:
            fitting.append((frequent, guess))
    fitting.sort(key=lambda found: -found[0])
    return tuple(_whole(raw, guess.codecs) for frequent, guess in fitting if frequent >= fitting[0][0] / 2)


def _wide_encoding(raw: bytes) -> str | None:
    """Recognise UTF-16 without a byte order mark by its line ends and everyday characters."""
    head = raw[:4000]
    for codec in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) // 2 * 2].decode(codec, "replace")
        known = [char for char in text if " " <= char <= "~" or char in "\r\n\t" or char in _everyday_anywhere()]
        if len(known) >= 0.9 * len(text) and any(end in text for end in "\r\n"):
            return codec
    return None


def _whole(raw: bytes, codecs: tuple[str, ...]) -> str:
    return next((codec for codec in codecs if can_read(raw, codec)), codecs[0])


def can_read(raw: bytes, codec: str) -> bool:
    """Return whether every byte is text in this encoding."""
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def share(characters: list[str], known: frozenset[str]) -> float:
    """Return how many of the characters are known ones, 0 to 1."""
    return sum(character in known for character in characters) / max(len(characters), 1)


def everyday_share(characters: list[str], codec: str) -> float:
    """Return how many of the characters are everyday ones of the text that is written in ``codec``, 0 to 1."""
    return next(share(characters, _everyday(guess)) for guess in GUESSES if codec in guess.codecs)


def _common_gb() -> frozenset[str]:
    """Level 1 of GB 2312 (the 3,755 common characters), its punctuation and full-width letters."""
    return _decoded("gb2312", [*range(0xB0, 0xD8), 0xA1, 0xA3], range(0xA1, 0xFF))


def _common_big5() -> frozenset[str]:
    """Level 1 of Big5 and its punctuation."""
    return _decoded("big5", [*range(0xA4, 0xC7), 0xA1], [*range(0x40, 0x7F), *range(0xA1, 0xFF)])


def _common_korean() -> frozenset[str]:
    """The Hangul syllables of KS X 1001."""
    return _decoded("euc_kr", range(0xB0, 0xC9), range(0xA1, 0xFF))


def _common_japanese() -> frozenset[str]:
    """Kana, punctuation, and level 1 of JIS X 0208."""
    return _decoded("euc_jp", [0xA1, 0xA4, 0xA5, *range(0xB0, 0xD0)], range(0xA1, 0xFF))


def _decoded(encoding: str, leads: Iterable[int], trails: Iterable[int]) -> frozenset[str]:
    trail_bytes = list(trails)
    pairs = (bytes([lead, trail]).decode(encoding, "ignore") for lead in leads for trail in trail_bytes)
    return frozenset(pair for pair in pairs if len(pair) == 1 and not pair.isascii())


GUESSES = (  # the more usual first: it wins a tie
    Guess(("gb18030",), _common_gb, CHINESE, needed=0.0),
    Guess(("big5", "cp950", "big5hkscs"), _common_big5, CHINESE_TRADITIONAL, needed=0.0),
    Guess(("cp1252",), lambda: WESTERN, "", needed=0.0, sprinkled=True),
    Guess(("shift_jis", "cp932"), _common_japanese, HIRAGANA + KATAKANA),
    Guess(("euc_jp",), _common_japanese, HIRAGANA + KATAKANA),
    Guess(("euc_kr", "cp949"), _common_korean, KOREAN),
    Guess(("cp1251",), lambda: CYRILLIC, "оеаинтсрвлкмд", sprinkled=False),
    Guess(("koi8_r",), lambda: CYRILLIC, "оеаинтсрвлкмд", sprinkled=False),
)


@cache
def _everyday(guess: Guess) -> frozenset[str]:
    return frozenset(guess.everyday())


@cache
def _everyday_anywhere() -> frozenset[str]:
    return frozenset().union(*(_everyday(guess) for guess in GUESSES))
