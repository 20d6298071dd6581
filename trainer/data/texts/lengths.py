"""How long texts are and in which script, in words for the notes at start."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

HAN = (  # first and last code point of the blocks of Chinese characters (Unicode 16, CJK Unified and Compatibility)
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2FA1F),
    (0x30000, 0x323AF),
)
CHUNK_TEXTS = 5_000


def character_note(texts: Sequence[str], pairs: Sequence[str] | None = None) -> str:
    """Return the lengths in characters, and the share of Chinese characters where there are any."""
    lengths_N = np.array([len(text) for text in texts])
    if pairs is not None:
        lengths_N += np.array([len(text) for text in pairs])
    share = chinese_share([*texts, *(pairs or ())])
    return length_note(lengths_N, "characters") + (f"; {_percent(share)} of them Chinese" if share else "")


def length_note(lengths_N: NDArray[Any], unit: str) -> str:
    """Return median, 95th percentile (the smallest length at least 95 % of the rows keep to) and longest."""
    median, most, longest = (
        np.quantile(lengths_N, [0.5, 0.95, 1.0], method="inverted_cdf") if len(lengths_N) else [0] * 3
    )
    return f"lengths in {unit}: median {median:,}, 95 % {most:,}, longest {longest:,}"


def cut_note(lengths_N: NDArray[Any], max_length: int, how: str = "") -> str:
    """Return how many of the texts are longer than ``max_length``."""
    share = float((lengths_N > max_length).mean()) if len(lengths_N) else 0.0
    return f"max_length={max_length:,}{how}: {_percent(share)} of the texts cut"


def chinese_share(texts: Sequence[str]) -> float:
    """Return the share of Chinese characters among all that are not white space."""
    chinese = others = 0
    for start in range(0, len(texts), CHUNK_TEXTS):
        resume_plan = "".join("".join(texts[start : start + CHUNK_TEXTS]).split())
        codes = np.frombuffer(resume_plan.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        found = sum(int(((codes >= first) & (codes <= last)).sum()) for first, last in HAN)
        chinese, others = chinese + found, others + len(codes) - found
    return chinese / max(chinese + others, 1)


def _percent(share: float) -> str:
    """Write a share so that neither a little nor all but a little is rounded away."""
    if 0 < share < 0.001:
        return "under 0.1%"
    return "over 99.9%" if 0.999 < share < 1 else f"{share:.1%}"
