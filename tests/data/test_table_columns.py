from dataclasses import replace

import numpy as np
import pytest

from trainer.data import table_columns
from trainer.data.samples import TableColumns
from trainer.data.table_columns import table_in_files
from trainer.run.identify import sha256_of
from trainer.system.mapped_arrays import ArrayFile

N = 50
RANDOM = np.random.default_rng(0)
NUMBERS_NF = np.where(RANDOM.random((N, 3)) < 0.2, np.nan, RANDOM.normal(size=(N, 3)))
CODES_NK = RANDOM.integers(-1, 3, (N, 2)).astype(np.int32)
WORDS = [["red", "ünd", 'a, "b"'], ["x", "y", "z"]]
WORDS_NK = np.stack([np.array([*WORDS[place], None], dtype=object)[CODES_NK[:, place]] for place in range(2)], axis=1)
IN_MEMORY = TableColumns(NUMBERS_NF, WORDS_NK, ("a", "b", "c"), ("u", "v"))


@pytest.fixture
def on_disk(tmp_path):
    numbers, codes = ArrayFile(tmp_path), ArrayFile(tmp_path)
    for column_N in NUMBERS_NF.T:
        numbers.append(column_N)
    for column_N in CODES_NK.T:
        codes.append(column_N)
    categories = dict(zip(("u", "v"), WORDS, strict=True))
    return table_in_files(numbers, codes, N, numeric=("a", "b", "c"), categories=categories, scratch=tmp_path)


def same(one, other):
    np.testing.assert_array_equal(one.numeric_NF, other.numeric_NF)
    assert np.array_equal(np.asarray(one.categorical_NK), np.asarray(other.categorical_NK))
    assert (one.numeric, one.categorical) == (other.numeric, other.categorical)


def test_a_table_in_files_is_the_table(on_disk):
    same(on_disk, IN_MEMORY)


def test_it_has_the_same_content(on_disk, monkeypatch):
    """A run that is begun in memory can go on from the disk: what identifies its rows is equal."""
    monkeypatch.setattr("trainer.run.identify.CHUNK_CELLS", 13)
    assert sha256_of(on_disk) == sha256_of(IN_MEMORY)
    assert sha256_of(replace(on_disk, numeric=("a", "b", "d"))) != sha256_of(IN_MEMORY)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_rows_and_columns_of_it(on_disk, monkeypatch, chunk):
    monkeypatch.setattr(table_columns, "COPIED_ROWS", chunk)
    kept_N = RANDOM.random(N) < 0.5
    same(on_disk.only(kept_N), IN_MEMORY.only(kept_N))
    assert on_disk.only(kept_N).scratch == on_disk.scratch
    rows = RANDOM.permutation(N)[:9]
    same(on_disk.only(rows), IN_MEMORY.only(rows))
    for names in ({"b"}, {"u"}, {"a", "b", "c"}, {"u", "v"}, set()):
        same(on_disk.without(names), IN_MEMORY.without(names))
    assert IN_MEMORY.without({"b", "u"}).numeric == ("a", "c")
    np.testing.assert_array_equal(IN_MEMORY.without({"b"}).numeric_NF, NUMBERS_NF[:, [0, 2]])
