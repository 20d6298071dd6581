import unicodedata

import numpy as np
import pytest

from trainer.data.texts.lengths import character_note, chinese_share, cut_note, length_note

TEXTS = ("酒店 very good！", "", "  \n", "臺灣𠀀繁體", "ひらがな カタカナ 한국어 漢字", "plain English", "〇々、。豈")


def by_name(text: str) -> bool:
    return unicodedata.name(text, "").startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH"))


def test_chinese_characters_are_those_that_unicode_names_so() -> None:
    characters = [character for text in TEXTS for character in text if not character.isspace()]
    assert chinese_share(TEXTS) == sum(map(by_name, characters)) / len(characters)
    assigned = [chr(code) for code in range(0x110000) if unicodedata.name(chr(code), "")]
    assert chinese_share([character for character in assigned if by_name(character)]) == 1
    assert chinese_share([character for character in assigned if not by_name(character)]) == 0


def test_share_over_many_chunks() -> None:
    assert chinese_share(["中文", "ab"] * 7_000) == 0.5
    assert chinese_share([]) == chinese_share(["", " "]) == 0.0


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100, 101])
def test_quantiles_are_lengths_that_occur(n: int) -> None:
    lengths_N = np.random.default_rng(n).integers(0, 5000, n)
    ordered = sorted(lengths_N.tolist())
    median = ordered[-(-n // 2) - 1]
    most = next(length for length in ordered if sum(x <= length for x in ordered) * 100 >= 95 * n)
    expected = f"lengths in tokens: median {median:,}, 95 % {most:,}, longest {ordered[-1]:,}"
    assert length_note(lengths_N, "tokens") == expected


def test_notes() -> None:
    assert (
        length_note(np.array([86, 310, 2924]), "tokens") == "lengths in tokens: median 310, 95 % 2,924, longest 2,924"
    )
    assert character_note(("abc", "de")) == "lengths in characters: median 2, 95 % 3, longest 3"
    assert character_note(("好", "de"), ("ab", "c")) == (
        "lengths in characters: median 3, 95 % 3, longest 3; 16.7% of them Chinese"
    )
    assert cut_note(np.array([1, 2, 3, 4]), 3, " (auto)") == "max_length=3 (auto): 25.0% of the texts cut"
    assert cut_note(np.array([5] + [1] * 5000), 3) == "max_length=3: under 0.1% of the texts cut"
    assert cut_note(np.array([1] + [5] * 5000), 3) == "max_length=3: over 99.9% of the texts cut"
    assert cut_note(np.array([], dtype=np.int64), 3) == "max_length=3: 0.0% of the texts cut"
