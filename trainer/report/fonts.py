"""Names from the user's data in pictures: shown in a font that has them, or as a number."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from trainer.report.agg import load_matplotlib

DEFAULT_FONT = "DejaVu Sans"  # comes with matplotlib
_FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # what matplotlib calls the file that holds all of Noto Sans CJK
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Arial Unicode MS",
    "Droid Sans Fallback",
)
_FALLBACK_FILE = re.compile("SansCJK|SansSC|SourceHan|wqy|msyh|simhei|PingFang|Hiragino|Heiti|Droid", re.IGNORECASE)


@cache
def font_family() -> tuple[str, ...]:
    """Return the fonts to draw names with: matplotlib's own and the first Chinese font that is installed."""
    load_matplotlib()
    from matplotlib import font_manager

    fonts = font_manager.fontManager
    if not {font.name for font in fonts.ttflist} & set(_FALLBACK_FONTS):
        for path in font_manager.findSystemFonts():  # installed after matplotlib wrote its list of fonts
            if _FALLBACK_FILE.search(Path(path).name):
                fonts.addfont(path)
    installed = {font.name for font in fonts.ttflist}
    return (DEFAULT_FONT, *[name for name in _FALLBACK_FONTS if name in installed][:1])


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    known: set[int] = set()
    for name in font_family():
        known |= set(font_manager.get_font(font_manager.findfont(name)).get_charmap())
    return frozenset(known)


def drawable_names(names: Sequence[str], longest: int = 24) -> list[str]:
    """Return names that can be drawn: long ones shortened, those without glyphs as ``#<index>``."""
    return [_drawable(name, i, longest) for i, name in enumerate(names)]


def drawn_by(say: Callable[[str], str]) -> Callable[[str], str]:
    """Return what says a text as ``say`` does where a font here has its letters, else as it is."""

    def drawable(text: str) -> str:
        said = say(text)
        return said if all(ord(c) in _glyphs() for c in said) else text

    return drawable


def _drawable(name: str, index: int, longest: int) -> str:
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in name).strip()
    if not printable or any(ord(c) not in _glyphs() for c in printable):
        return f"#{index}"
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"
