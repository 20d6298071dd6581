import numpy as np
import pytest

from trainer.data.coded_words import CodedWords

WORDS_NK = np.array([["a", "x"], ["b", None], [None, "z"], ["a", "z"]], dtype=object)
CODED = CodedWords(np.array([[0, 0], [1, -1], [-1, 1], [0, 1]], dtype=np.int32), [["a", "b"], ["x", "z"]])

KEYS = [
    (slice(None), 0),
    (slice(1, 3), 1),
    (np.array([3, 0]), 1),
    (np.array([True, False, True, True]), 0),
    slice(1, 4),
    np.array([2, 2]),
    (slice(None), [1]),
    (slice(None), np.array([True, False])),
    (slice(None), []),
    2,
    (2, 1),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_it_is_looked_at_like_the_array(key):
    found, expected = CODED[key], WORDS_NK[key]
    assert np.shape(found) == np.shape(expected)
    assert np.array_equal(found, expected)


def test_shape_columns_and_all_of_it():
    assert CODED.shape == WORDS_NK.shape
    assert len(CODED) == len(WORDS_NK)
    assert all(np.array_equal(one, other) for one, other in zip(CODED.T, WORDS_NK.T, strict=True))
    assert np.array_equal(np.asarray(CODED), WORDS_NK)


def test_no_column():
    none = CodedWords(np.empty((4, 0), dtype=np.int32), [])
    assert none.shape == (4, 0)
    assert none[:].shape == none[np.arange(4)].shape == (4, 0)
    assert list(none.T) == []
