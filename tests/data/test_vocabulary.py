import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from trainer.config.errors import ConfigError
from trainer.data.samples import TableColumns, Texts
from trainer.data.vocabulary import FittedVocabulary, TextVocabulary

TEXTS = Texts(("The cat sat .", "the DOG sat", "", "很好 的酒店", "a zebra, 😀", "[PAD] [UNK]"))


def token_lists(fitted: FittedVocabulary, inputs: Texts) -> list[list[str]]:
    rows = fitted.transform(inputs)
    bounds = rows.offsets.tolist()
    tokens = rows.tokens.tolist()
    return [[fitted.words[t] for t in tokens[a:b]] for a, b in pairwise(bounds)]


def test_words_chinese_characters_and_punctuation() -> None:
    fitted = TextVocabulary().fit(TEXTS, np.arange(len(TEXTS.texts)))
    assert token_lists(fitted, TEXTS) == [
        ["the", "cat", "sat", "."],
        ["the", "dog", "sat"],
        ["[UNK]"],
        ["很", "好", "的", "酒", "店"],
        ["a", "zebra", ",", "😀"],
        ["[", "pad", "]", "[", "unk", "]"],
    ]
    assert fitted.words[:2] == ("[PAD]", "[UNK]")
    assert len(set(fitted.words)) == len(fitted.words)
    assert fitted.model_arguments == {"vocab_size": len(fitted.words), "pad_id": 0}


def test_rows_are_as_the_loop_needs_them() -> None:
    rows = TextVocabulary().fit(TEXTS, np.array([0, 1])).transform(TEXTS)
    assert rows.tokens.numpy().dtype == np.int32
    assert rows.offsets.numpy().dtype == np.int64
    assert rows.offsets[0] == 0
    assert rows.offsets[-1] == len(rows.tokens)
    assert (rows.lengths() >= 1).all()
    assert (rows.tokens.numpy() != rows.pad_id).all()


def test_most_frequent_words_as_counted_by_hand() -> None:
    random = np.random.default_rng(0)
    texts = tuple(" ".join(f"w{i}" for i in random.zipf(1.5, 20) if i < 1000) for _ in range(200))
    counts = Counter(word for text in texts for word in text.split())
    fitted = TextVocabulary(vocab_size=22).fit(Texts(texts), np.arange(200))
    assert len(fitted.words) == 22
    kept = [counts[word] for word in fitted.words[2:]]
    assert kept == sorted(counts.values(), reverse=True)[:20]
    frequent = TextVocabulary(min_frequency=5).fit(Texts(texts), np.arange(200))
    assert set(frequent.words[2:]) == {word for word, count in counts.items() if count >= 5}


def test_validation_rows_do_not_leak() -> None:
    train_rows = np.array([0, 1])
    fitted = TextVocabulary().fit(TEXTS, train_rows)
    other = Texts((*TEXTS.texts[:2], "completely", "other", "words", "here"))
    assert fitted.to_json() == TextVocabulary().fit(other, train_rows).to_json()
    assert token_lists(fitted, TEXTS)[4] == ["[UNK]"] * 4
    assert "zebra" not in fitted.words


def test_case_can_matter() -> None:
    fitted = TextVocabulary(lowercase=False).fit(TEXTS, np.arange(2))
    assert {"The", "the", "DOG"} < set(fitted.words)


def test_accents_are_kept() -> None:
    texts = Texts(("résumé", "resume"))
    assert TextVocabulary().fit(texts, np.arange(2)).model_arguments["vocab_size"] == 4


def test_long_texts_are_cut_and_said_so() -> None:
    texts = Texts(("a b c d", "a", "b c", "x y z"))
    fitted = TextVocabulary(max_length=2).fit(texts, np.arange(3))
    assert fitted.transform(texts).lengths().tolist() == [2, 1, 2, 2]
    assert fitted.notes == (
        "vocabulary: 6 words; 28.6% of all tokens unknown",
        "50.0% of the texts cut off at 2 tokens (data.preprocess.max_length)",
    )


def test_json_rebuilds_the_transform() -> None:
    fitted = TextVocabulary(max_length=3).fit(TEXTS, np.arange(4))
    rebuilt = FittedVocabulary.from_json(json.loads(json.dumps(fitted.to_json())))
    before, after = fitted.transform(TEXTS), rebuilt.transform(TEXTS)
    assert rebuilt.model_arguments == fitted.model_arguments
    np.testing.assert_array_equal(before.tokens.numpy(), after.tokens.numpy())
    np.testing.assert_array_equal(before.offsets.numpy(), after.offsets.numpy())


def test_same_vocabulary_every_time() -> None:
    texts = Texts(tuple(f"w{i} w{i % 7}" for i in range(500)))
    once = TextVocabulary().fit(texts, np.arange(500)).words
    assert all(TextVocabulary().fit(texts, np.arange(500)).words == once for _ in range(3))


def test_training_texts_all_empty() -> None:
    fitted = TextVocabulary().fit(Texts(("", " ", "word")), np.array([0, 1]))
    assert fitted.words == ("[PAD]", "[UNK]")
    assert token_lists(fitted, Texts(("word",))) == [["[UNK]"]]


def test_more_texts_than_one_chunk() -> None:
    texts = Texts(tuple(f"w{i % 11}" for i in range(2500)))
    fitted = TextVocabulary().fit(texts, np.arange(2500))
    assert [row[0] for row in token_lists(fitted, texts)] == list(texts.texts)


@pytest.mark.parametrize("options", [{"max_length": 0}, {"vocab_size": 2}, {"min_frequency": 0}])
def test_impossible_options(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"data\.preprocess"):
        TextVocabulary(**options)


def test_tables_are_refused() -> None:
    table = TableColumns(np.ones((1, 1)), np.empty((1, 0), dtype=object), ("a",))
    with pytest.raises(ConfigError, match="TablePreprocess"):
        TextVocabulary().fit(table, np.array([0]))
    with pytest.raises(ConfigError, match="TablePreprocess"):
        TextVocabulary().fit(TEXTS, np.array([0])).transform(table)
