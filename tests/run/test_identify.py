"""The sha256 of the data of a run: of all of it at once, though it is hashed in chunks."""

import hashlib
import json

import numpy as np
import pytest

from trainer.data.samples import TableColumns, Texts
from trainer.folds import plan
from trainer.run import identify
from trainer.run.identify import sha256_of


def hashed(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("chunk", [1, 3, 1 << 18])
def test_numbers_and_words_count_as_whole_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(identify, "CHUNK_CELLS", chunk)
    monkeypatch.setattr(plan, "CHUNK_CELLS", chunk)
    numbers = np.arange(10.0).reshape(5, 2)
    words = ["a", None, "é", "\ud800", ""]
    assert sha256_of(numbers) == (hashed(b"float64 (5, 2)", numbers.tobytes()), [])
    assert sha256_of(numbers.T) == (hashed(b"float64 (2, 5)", numbers.T.copy().tobytes()), [])
    assert sha256_of(words) == (hashed(json.dumps(words).encode()), [])
    assert sha256_of(()) == (hashed(b"[]"), [])


def test_a_table_is_known_by_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    def table(number: float = 1.0, word: str | None = "x") -> TableColumns:
        words_NK = np.array([["a"], [word], [None]], dtype=object)
        return TableColumns(np.array([[0.0], [number], [np.nan]]), words_NK, ("n",), ("w",))

    before = sha256_of(table())
    monkeypatch.setattr(identify, "CHUNK_CELLS", 2)
    monkeypatch.setattr(plan, "CHUNK_CELLS", 2)
    assert sha256_of(table()) == before
    assert len({sha256_of(one)[0] for one in (table(), table(2.0), table(word="y"), table(word=None))}) == 4
    assert sha256_of(Texts(("a, b", "c"))) != sha256_of(Texts(("a", "b, c")))
