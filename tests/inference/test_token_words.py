"""The tokens of a text in words: put together they are what the model was given of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.preprocess.tokenizer_cases import SAVE
from trainer.data.preprocess.tokenizer import PretrainedTokenizer
from trainer.data.preprocess.vocabulary import TextVocabulary
from trainer.data.samples import Texts
from trainer.inference.token_words import special_ids, token_words

FIRST = ("The staff beautifully cleaned our room, 房间很干净 👍 again", "was it clean!")
SECOND = ("Yes, quietly!", "no: a loud, loud bar   next door")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind)) for kind, save in SAVE.items()}


def words_of(preprocess, texts, row):
    """What a row's tokens are called, and the ids that stand in every text."""
    prepared = preprocess.prepare(texts)
    fitted = preprocess.fit(prepared, np.arange(len(texts.texts)))
    rows = fitted.transform(prepared)
    ids = rows.take(torch.tensor([row]))[rows.name][0].tolist()
    return token_words(fitted, prepared, texts, row, ids), [one in special_ids(fitted) for one in ids]


@pytest.mark.parametrize("max_length", [500, 12])
@pytest.mark.parametrize("pairs", [None, SECOND], ids=["single", "pairs"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt"])
def test_what_a_pretrained_tokenizer_reads_is_shown_as_it_is_written(saved, kind, pairs, max_length):
    texts = Texts(FIRST, pairs)
    preprocess = PretrainedTokenizer(str(saved[kind]), max_length, allow_network=False)
    for row in (0, 1):
        words, special = words_of(preprocess, texts, row)
        named = "".join("\n" if one else word for word, one in zip(words, special, strict=True))
        read = [part for part in named.split("\n") if part]
        written = [FIRST[row], *([] if pairs is None else [SECOND[row]])]
        if kind == "gpt":  # puts nothing around a text, nor between two
            read = [named] if len(written) == 1 else named.split(f" {SECOND[row][:2]}")
            written = [written[0], *(one[2:] for one in written[1:])]
        assert len(read) == len(written)
        for part, text in zip(read, written, strict=True):
            assert (text.endswith if kind == "roberta" else text.startswith)(part)  # it cuts on the left
            assert max_length == 12 or part == text
        assert len(words) <= max_length


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("words", ["was", " it", " clean", " !", " [SEP]", " no", " :", " a"]),
        ("characters", ["w", "a", "s", " ", "i", "t", " ", "c"]),
    ],
)
def test_a_vocabulary_has_its_own_pieces(unit, expected):
    words, special = words_of(TextVocabulary(max_length=8, unit=unit), Texts(FIRST, SECOND), 1)
    assert list(words) == expected
    assert special == [word == " [SEP]" for word in words]  # the separator stays where all else is padding
