import numpy as np
import pytest

from tests.audit.audit_cases import table, texts
from trainer.audit import duplicate_rows
from trainer.audit.duplicate_rows import input_codes, labels_per_code, look_alikes, normalise, word_places
from trainer.data.row_hashes import row_hashes
from trainer.data.samples import Texts
from trainer.tasks import MULTILABEL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Very GOOD!", "very good"),
        ("a,b", "a b"),
        ("房间很大，很好。", "房间很大 很好"),
        ("“不错”……", "不错"),
        ("ＡＢＣ１２３", "abc123"),  # full width
        ("Straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("a\u200bb", "ab"),  # zero width space
        ("a\u3000\tb\n", "a b"),
        ("don't", "don’t"),
    ],
)
def test_folded_texts_are_the_same(one: str, other: str) -> None:
    assert len(set(normalise([one, other]))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("now here", "nowhere"),
        ("C++", "C"),
        ("!!!", "???"),  # nothing but punctuation says something
        ("good 👍", "good 👎"),
        ("क", "कि"),  # a vowel sign is no punctuation
        ("", "."),
        ("3", "8"),
    ],
)
def test_other_texts_stay_different(one: str, other: str) -> None:
    assert len(set(normalise([one, other]))) == 2


def test_rows_of_a_table_are_the_same_cell_by_cell() -> None:
    numeric = [[0.0, 1.5], [-0.0, 1.5], [np.nan, 1.5], [np.nan, 1.5], [1.5, 0.0]]
    assert input_codes(table(numeric).inputs).tolist() == input_codes(table(numeric).inputs).tolist()
    codes_N = input_codes(table(numeric).inputs)
    assert codes_N[0] == codes_N[1]
    assert codes_N[2] == codes_N[3]
    assert len(set(codes_N.tolist())) == 3


def test_words_and_missing_words_tell_rows_apart() -> None:
    codes_N = input_codes(table([[1.0]] * 5, [["a", None], ["a", None], ["a", "b"], [None, "a"], ["a", "a"]]).inputs)
    assert codes_N[0] == codes_N[1]
    assert len(set(codes_N.tolist())) == 4


def test_codes_of_texts_do_not_depend_on_the_order_of_rows() -> None:
    values = ["b", "a", "B!", "c"]
    codes_N = input_codes(texts(values).inputs)
    assert codes_N.tolist() == [1, 0, 1, 2]
    assert input_codes(texts(values[::-1]).inputs).tolist() == codes_N[::-1].tolist()


def test_label_sets_are_codes() -> None:
    codes_N = MULTILABEL.codes(np.array([[0, 1], [1, 0], [0, 1], [0, 0]]))
    assert codes_N[0] == codes_N[2]
    assert len(set(codes_N.tolist())) == 3


def test_look_alikes_are_common_and_disagree() -> None:
    codes_N = np.array([0] * 30 + [1] * 30 + list(range(2, 42)))
    target_N = np.zeros(100, dtype=np.int64)
    target_N[[0, 99]] = 1
    assert np.flatnonzero(look_alikes(codes_N, target_N)).tolist() == list(range(30))  # 30 times 1 agree: may be copies


def test_an_input_of_few_rows_is_no_look_alike() -> None:
    codes_N = np.array([0] * 19 + list(range(1, 82)))
    target_N = np.arange(100) % 2
    assert not look_alikes(codes_N, target_N).any()


def pairs(*rows: tuple[str, str]) -> Texts:
    return Texts(tuple(first for first, _ in rows), tuple(second for _, second in rows))


def test_pairs_are_the_same_where_both_texts_are() -> None:
    codes = input_codes(pairs(("a b", "c"), ("A B!", "C."), ("a", "b c"), ("c", "a b"), ("a b", "d"))).tolist()
    assert codes[0] == codes[1]
    assert len(set(codes)) == 4


@pytest.mark.parametrize("bits", [64, 3, 0])
def test_rows_are_told_apart_as_by_all_their_bytes(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the short hashes of different rows are the same."""
    few = np.uint64(2**bits - 1)
    monkeypatch.setattr(duplicate_rows, "row_hashes", lambda inputs: row_hashes(inputs) & few)
    monkeypatch.setattr(duplicate_rows, "CHUNK_ROWS", 7)
    random = np.random.default_rng(0)
    numeric = random.choice([0.0, -0.0, 1.0, np.nan, 1e300], (200, 2))
    words = random.choice(np.array(["a", "b", None], dtype=object), (200, 2))
    codes_N = input_codes(table(numeric.tolist(), words.tolist()).inputs)
    cells = [(*(repr(number + 0.0) for number in row), *cells) for row, cells in zip(numeric, words, strict=True)]
    same_NN = np.array([[one == other for other in cells] for one in cells])
    np.testing.assert_array_equal(codes_N[:, None] == codes_N[None], same_NN)
    assert sorted(set(codes_N.tolist())) == list(range(len(set(cells))))


def test_places_of_words_are_those_in_the_alphabet() -> None:
    assert word_places(np.array(["b", None, "字", "a", "b"], dtype=object)).tolist() == [1, -1, 2, 0, 1]
    assert word_places(np.array([None, None], dtype=object)).tolist() == [-1, -1]


def test_labels_are_counted_per_code() -> None:
    assert labels_per_code(np.array([0, 2, 0, 2, 1]), np.array([0, 1, 3, 1, 0])).tolist() == [2, 1, 1]
