import random

import pytest

from trainer.data.samples import Texts
from trainer.data.texts import words
from trainer.data.texts.words import COMMON, Unit, split_words, text_splitter, word_tokenizer

CASES = [(True, "words"), (False, "words"), (True, "characters"), (False, "characters")]
EVERY = [chr(code) for code in range(0x10000) if COMMON.fullmatch(chr(code))]


def reference(text: str, lowercase: bool, unit: Unit) -> list[str]:
    """Return what the tokenizers library makes of a text."""
    tokenizer = word_tokenizer({}, lowercase, unit)
    normalized = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]


@pytest.mark.parametrize(("lowercase", "unit"), CASES)
def test_each_common_character_is_treated_as_tokenizers_does(lowercase: bool, unit: Unit) -> None:
    assert len(EVERY) > 21_000
    split, text = text_splitter(lowercase, unit), "".join(f"a{char}B {char}{char}c " for char in EVERY)
    assert COMMON.fullmatch(text)
    assert split(text) == reference(text, lowercase, unit)


@pytest.mark.parametrize(("lowercase", "unit"), CASES)
def test_drawn_texts_are_split_as_tokenizers_does(lowercase: bool, unit: Unit) -> None:
    draw = random.Random(0)
    common = [*map(chr, range(128)), *"ÀéßİžЖя房间很ひカー，。“”…—"]
    split = text_splitter(lowercase, unit)
    for rare in ("", "\u3000\u00a0\u0085\u1160e\u0301🙂ΣςК\u200b～؟"):  # left to tokenizers
        for _ in range(300):
            text = "".join(draw.choices([*common, *rare], k=draw.randrange(30)))
            assert split(text) == reference(text, lowercase, unit), repr(text)


def test_tokenizers_is_not_asked_for_common_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_splitting", lambda lowercase, unit: (None, None))
    assert text_splitter(True, "words")("Très bien, 房间!") == ["très", "bien", ",", "房", "间", "!"]


def test_words_are_numbered_in_their_order() -> None:
    split = split_words(Texts(("b a", "", "a é B"), ("c", "a", "")), True, "words")
    assert split.words == ("[SEP]", "a", "b", "c", "é")
    found = [split.tokens_T[start:end].tolist() for start, end in zip(split.offsets, split.offsets[1:], strict=False)]
    assert found == [[2, 1, 0, 3], [0, 1], [1, 4, 2, 0]]
