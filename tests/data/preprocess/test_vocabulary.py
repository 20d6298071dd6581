import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tests.places import EXCERPTS, REAL_DATA
from trainer.data.columns.options import ColumnOptions
from trainer.data.preprocess.vocabulary import FittedVocabulary, TextVocabulary
from trainer.data.samples import TableColumns, Texts
from trainer.data.sources.csv_text import load_csv_text
from trainer.data.texts import words
from trainer.errors import ConfigError

REAL = REAL_DATA
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
        "lengths in characters: median 3, 95 % 7, longest 7",
        "lengths in tokens: median 2, 95 % 4, longest 4",
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
    with pytest.raises(ConfigError, match="data/preprocess=table"):
        TextVocabulary().fit(table, np.array([0]))
    with pytest.raises(ConfigError, match="data/preprocess=table"):
        TextVocabulary().fit(TEXTS, np.array([0])).transform(table)


def trained_by_the_library(
    texts: Texts, rows: np.ndarray, *, lowercase: bool, max_length: int, vocab_size: int, min_frequency: int
) -> tuple[list[str], list[list[int]]]:
    """Vocabulary and token ids of the tokenizers library, trained on the fold's own texts."""
    tokenizer = Tokenizer(models.WordLevel({}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=["[PAD]", "[UNK]"],
        show_progress=False,
    )
    tokenizer.train_from_iterator([texts.texts[row] for row in rows], trainer)
    tokenizer.encode_special_tokens = True
    vocabulary = tokenizer.get_vocab()
    encoded = tokenizer.encode_batch(list(texts.texts))
    return sorted(vocabulary, key=vocabulary.get), [row.ids[:max_length] or [1] for row in encoded]


OPTIONS = [
    {"lowercase": True, "max_length": 512, "vocab_size": 50_000, "min_frequency": 1},
    {"lowercase": False, "max_length": 9, "vocab_size": 40, "min_frequency": 1},
    {"lowercase": True, "max_length": 3, "vocab_size": 60, "min_frequency": 3},
]


def assert_as_the_library(texts: Texts, rows: np.ndarray, options: dict[str, int]) -> None:
    preprocess = TextVocabulary(**options)
    prepared = preprocess.prepare(texts)
    fitted = preprocess.fit(prepared, rows)
    words, ids = trained_by_the_library(texts, rows, **options)
    assert list(fitted.words) == words
    for given in (prepared, texts):
        found = fitted.transform(given)
        assert found.tokens.tolist() == [token for row in ids for token in row]
        assert found.lengths().tolist() == [len(row) for row in ids]


@pytest.mark.parametrize("options", OPTIONS)
def test_same_vocabulary_and_tokens_as_the_tokenizers_library(options) -> None:
    """Many words with equal counts, in several scripts, so that the order of equals matters."""
    random = np.random.default_rng(3)
    words = ["Éclair", "eclair", "很好", "的", "酒店", "😀", "naïve", "don't", "a.b", "C++", "ß", "𠀀", "ﬁ", "Ω", ""]
    words += [f"w{number}" for number in range(60)]
    texts = Texts(tuple(" ".join(random.choice(words, random.integers(0, 14))) for _ in range(300)))
    for fold in range(3):
        assert_as_the_library(texts, np.flatnonzero(np.arange(300) % 3 != fold), options)


def test_same_vocabulary_and_tokens_on_short_messages() -> None:
    options = ColumnOptions(label="v1", encoding="cp1252")
    samples, _ = load_csv_text(str(EXCERPTS / "sms_spam_cp1252.csv"), options, text="v2")
    assert_as_the_library(samples.inputs, np.arange(0, 24), OPTIONS[0])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "column"), [("text/cr.csv", "text"), ("zh/chnsenticorp_htl_all.csv", "review"), ("zh/thucnews", "text")]
)
def test_same_vocabulary_and_tokens_on_real_texts(name, column) -> None:
    path = next(REAL.glob(f"{name}*"))
    samples, _ = load_csv_text(str(path), ColumnOptions(), text=column)
    texts = Texts(samples.inputs.texts[::20])
    rows = np.flatnonzero(np.arange(len(texts.texts)) % 5 != 1)
    assert_as_the_library(texts, rows, {**OPTIONS[0], "vocab_size": 1500})


def test_texts_are_split_once_for_all_folds(monkeypatch) -> None:
    preprocess = TextVocabulary()
    prepared = preprocess.prepare(TEXTS)
    expected = [token_lists(TextVocabulary().fit(TEXTS, rows), TEXTS) for rows in (np.arange(3), np.arange(6))]

    def refuse(*args: object) -> None:
        raise AssertionError("split again")

    monkeypatch.setattr("trainer.data.preprocess.vocabulary.split_words", refuse)
    fitted = [preprocess.fit(prepared, rows) for rows in (np.arange(3), np.arange(6))]
    assert [token_lists(one, prepared) for one in fitted] == expected


def test_rows_given_twice_count_twice() -> None:
    texts = Texts(("a a", "b b b"))
    assert TextVocabulary(min_frequency=4).fit(texts, np.array([0, 0, 1])).words[2:] == ("a",)


def test_progress_is_told() -> None:
    told = []
    TextVocabulary().prepare(TEXTS, lambda items, what, total: told.append((what, total)) or items)
    assert told == [("splitting texts", 1)]


def test_characters_of_every_script_and_one_token_per_stretch_of_space() -> None:
    texts = Texts((" Ab\t\n a,", "很好 好", "", "日本のノ", "한국", "é😀"))
    fitted = TextVocabulary(unit="characters").fit(texts, np.arange(6))
    assert token_lists(fitted, texts) == [
        ["a", "b", " ", "a", ","],
        ["很", "好", " ", "好"],
        ["[UNK]"],
        ["日", "本", "の", "ノ"],
        ["한", "국"],
        ["é", "😀"],
    ]
    rebuilt = FittedVocabulary.from_json(json.loads(json.dumps(fitted.to_json())))
    assert token_lists(rebuilt, texts) == token_lists(fitted, texts)
    assert fitted.notes[0].startswith("vocabulary: 16 characters;")
    assert TextVocabulary(lowercase=False, unit="characters").fit(texts, np.arange(1)).words[2:5] == (" ", ",", "A")


def test_character_vocabulary_as_counted_by_hand() -> None:
    texts = Texts(("酒店很好,很好", "店不好。x", "x好"))
    fitted = TextVocabulary(unit="characters").fit(texts, np.array([0, 1]))
    counts = Counter("".join(texts.texts[:2]))
    assert fitted.words[2:] == tuple(sorted(counts, key=lambda character: (-counts[character], character)))


def test_unknown_characters_and_words_of_chinese_texts() -> None:
    fitted = TextVocabulary().fit(Texts(("酒店很好", "早餐不好")), np.array([0, 1]))
    assert token_lists(fitted, Texts(("早餐很贵",))) == [["早", "餐", "很", "[UNK]"]]
    assert "lengths in characters: median 4, 95 % 4, longest 4; 100.0% of them Chinese" in fitted.notes


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_the_texts_of_a_pair_become_one_with_a_separator(unit) -> None:
    texts = Texts(("where ?", "", "好 吗"), ("a b", "c", ""))
    fitted = TextVocabulary(unit=unit).fit(texts, np.arange(3))
    space = [" "] if unit == "characters" else []
    where = [*"where"] if space else ["where"]
    assert token_lists(fitted, texts) == [
        [*where, *space, "?", "[SEP]", "a", *space, "b"],
        ["[SEP]", "c"],
        ["好", *space, "吗", "[SEP]"],
    ]
    assert fitted.words.count("[SEP]") == 1
    assert fitted.notes[1] == "lengths in characters: median 3, 95 % 10, longest 10; 18.2% of them Chinese"


def test_a_separator_in_a_text_is_not_the_separator() -> None:
    fitted = TextVocabulary().fit(Texts(("[SEP]",), ("x",)), np.arange(1))
    assert token_lists(fitted, Texts(("[SEP]",), ("x",))) == [["[", "sep", "]", "[SEP]", "x"]]


def test_words_on_both_sides_of_the_separator_in_the_order_of_words() -> None:
    """The separator's place among the words moves the numbers of those behind it."""
    texts = Texts(("Zebra apple", "[ ^ a"), ("~ A", "[ z"))
    fitted = TextVocabulary(lowercase=False).fit(texts, np.arange(2))
    assert token_lists(fitted, texts) == [
        ["Zebra", "apple", "[SEP]", "~", "A"],
        ["[", "^", "a", "[SEP]", "[", "z"],
    ]


@pytest.mark.parametrize("n_tokens", [1, 3, 7])
def test_chunks_of_tokens_count_and_number_as_all_at_once(monkeypatch, n_tokens) -> None:
    random = np.random.default_rng(0)
    inputs = Texts(tuple(" ".join(random.choice(list("abcdefg"), n)) for n in [0, 9, 1, 0, 0, 3, 5, 2, 0]))
    rows = np.array([1, 1, 3, 5, 7])
    vocabulary = TextVocabulary(max_length=4, min_frequency=2)
    split, whole = vocabulary.prepare(inputs), vocabulary.fit(inputs, rows)
    expected = whole.transform(split)
    counts_W = np.zeros(len(split.words), dtype=np.int64)
    for row in rows:
        np.add.at(counts_W, split.tokens_T[split.offsets[row] : split.offsets[row + 1]], 1)
    monkeypatch.setattr(words, "CHUNK_TOKENS", n_tokens)
    chunks = list(split.chunks())
    assert chunks[0].start == 0
    assert chunks[-1].stop == 9
    assert all(first.stop == second.start for first, second in pairwise(chunks))
    np.testing.assert_array_equal(split.counts_W(rows), counts_W)
    assert vocabulary.fit(split, rows).words == whole.words
    chunked = whole.transform(split)
    assert chunked.tokens.tolist() == expected.tokens.tolist()
    assert chunked.offsets.tolist() == expected.offsets.tolist()
