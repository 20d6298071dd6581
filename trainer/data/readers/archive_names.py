"""File names in a zip file: what they say of themselves, or a guess that is checked and told.

A name is UTF-8 where its flag or its extra field 0x7075 says so. Otherwise it is in the code page of the computer that
packed it, which nothing tells: OEM in Western Europe (cp850) and Russia (cp866), GB 18030, Shift JIS, ... elsewhere.
"""

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from zipfile import ZipInfo

from trainer.data.readers.encodings import (
    CHINESE,
    CHINESE_TRADITIONAL,
    CYRILLIC,
    HIRAGANA,
    KATAKANA,
    KOREAN,
    everyday_share,
    share,
)
from trainer.errors import ConfigError, did_you_mean, shown

UTF8_FLAG = 0x800  # flag bit 11: the name is UTF-8
UNICODE_PATH = 0x7075  # Info-ZIP's extra field: the name in UTF-8 beside that in a code page
WESTERN = ("cp850", "cp437", "cp852", "cp1252", "cp1250")
EAST_ASIAN = {"gb18030": CHINESE, "big5hkscs": CHINESE_TRADITIONAL, "cp932": HIRAGANA + KATAKANA, "cp949": KOREAN}
RUSSIAN = ("cp866", "cp1251", "koi8_r")
OTHERS = (
    "utf-8",
    "cp737",
    "cp857",
    "cp862",
    "cp864",
    "cp874",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1258",
    "euc_jp",
)
KNOWN = (*OTHERS, *WESTERN, *EAST_ASIAN, *RUSSIAN)
FITS = 0.7  # share of the letters beyond ASCII that are everyday ones where a guess fits
MOST_SHOWN = 3


def decoded_names(infos: Sequence[ZipInfo], encoding: str | None) -> tuple[list[str], str | None]:
    """Return the names, with ``/`` between folders, and the encoding that was guessed for some of them, if any.

    Args:
        infos: of the members.
        encoding: of the names that do not say theirs; None = guess. All of them are in one: the bytes of one Chinese
            word alone may be UTF-8 of other letters.

    Raises:
        ConfigError: the encoding is not known.
    """
    if encoding is not None and encoding not in KNOWN:
        raise ConfigError(f"data.zip_encoding={encoding}{did_you_mean(str(encoding), sorted(KNOWN))}")
    said = [_said(info) for info in infos]
    raw = [raw_name(info) for info, name in zip(infos, said, strict=True) if name is None]
    chosen = encoding or _guess(raw)
    decoded = (one.decode(chosen, "replace") for one in raw)
    names = [next(decoded) if name is None else name for name in said]
    return [name.replace("\\", "/") for name in names], chosen if raw and chosen != "utf-8" else None


def raw_name(info: ZipInfo) -> bytes:
    """Return the bytes of a name without the UTF-8 flag, which zipfile reads as cp437."""
    return info.orig_filename.partition("\0")[0].encode("cp437", "replace")


def encoding_note(names: Sequence[str], encoding: str | None, guessed: bool, root: str) -> tuple[str, ...]:
    """Tell in which encoding names were read that do not say theirs."""
    if encoding is None or not guessed:
        return ()
    parts = dict.fromkeys(part for name in names for part in name.split("/") if not part.isascii())
    examples = ", ".join(shown(part, 30) for part in list(parts)[:MOST_SHOWN])
    said = f"file names in {root} do not say their encoding: read as {encoding} ({examples})"
    return (f"{said}; if that is wrong, set data.zip_encoding",)


def _said(info: ZipInfo) -> str | None:
    """Return a name that says its encoding, or needs none."""
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return info.filename
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field = extra[4 : 4 + size]
        if kind == UNICODE_PATH and len(field) > 5 and field[0] == 1:
            (checked,) = struct.unpack("<L", field[1:5])
            if checked == zlib.crc32(raw_name(info)):
                return field[5:].decode("utf-8", "replace")
        extra = extra[4 + size :]
    return None


def _guess(raw: Sequence[bytes]) -> str:
    if all(_decoded(one, "utf-8") is not None for one in raw):
        return "utf-8"
    fitting = []
    for place, (codec, fit) in enumerate(GUESSES):
        names = [_decoded(one, codec) for one in raw]
        if None not in names:
            fits, frequent = fit("\n".join(map(str, names)), codec)
            fitting.append((fits >= FITS, frequent, fits, -place, codec))
    best = max(fitting, default=(False, 0.0, 0.0, 0, ""))
    return best[-1] if best[0] else "cp850"


def _decoded(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _western(names: str, codec: str) -> tuple[float, float]:
    """How many of the letters beyond ASCII stand beside plain ones, in the case that these have."""
    letters = [place for place, char in enumerate(names) if not char.isascii()]
    fitting = sum(names[place].isalpha() and _in_its_word(names, place) for place in letters)
    return fitting / max(len(letters), 1), 1.0  # a sprinkled accent is sure


def _in_its_word(names: str, place: int) -> bool:
    beside = [char for char in (names[place - 1 : place] + names[place + 1 : place + 2]) if char.isalpha()]
    before = names[place - 1 : place]
    follows_small = before.isalpha() and before.islower()
    return any(char.isascii() for char in beside) and not (names[place].isupper() and follows_small)


def _russian(names: str, codec: str) -> tuple[float, float]:
    words = [word for word in re.findall(r"[^\W\d_]+", names) if not word.isascii()]
    whole = [len(word) > 1 and word.isascii() == any(map(str.isascii, word)) and _is_cased(word) for word in words]
    beyond = [char for char in names if not char.isascii()]
    letters = share([char.lower() for char in beyond], frozenset(CYRILLIC))
    return letters * sum(whole) / max(len(words), 1), share(beyond, frozenset("оеаинтсрвл"))


def _is_cased(word: str) -> bool:
    return word.islower() or word.isupper() or word.istitle()


def _east_asian(names: str, codec: str) -> tuple[float, float]:
    beyond = [char for char in names if not char.isascii()]
    return everyday_share(beyond, codec), share(beyond, frozenset(EAST_ASIAN[codec]))


Fit = Callable[[str, str], tuple[float, float]]
GUESSES: tuple[tuple[str, Fit], ...] = (  # the more usual first: it wins a tie
    *((codec, _western) for codec in WESTERN),
    *((codec, _east_asian) for codec in EAST_ASIAN),
    *((codec, _russian) for codec in RUSSIAN),
)
