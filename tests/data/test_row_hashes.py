"""Rows are known again by what they hold: whatever wrote them, and by chance only as often as Good and Turing say."""

import json

import numpy as np

from trainer.data import row_hashes as module
from trainer.data.row_hashes import row_hashes, sketch_from, sketch_of
from trainer.data.samples import Arrays, TableColumns, Texts

RANDOM = np.random.default_rng(0)


def table(numeric_NF, words_N):
    words_NK = np.array(words_N, dtype=object)[:, None]
    return TableColumns(np.asarray(numeric_NF, dtype=np.float64), words_NK, ("a", "b"), ("w",))


def test_equal_rows_have_one_hash_and_others_have_not():
    rows = table(
        [[0.0, 1], [-0.0, 1], [1, 0], [0, 1], [0, 1], [np.nan, 1], [-np.nan, 1]], ["x", "x", "x", "y", None, "x", "x"]
    )
    hashes = row_hashes(rows)
    assert hashes[0] == hashes[1]
    assert hashes[5] == hashes[6]
    assert len(set(hashes.tolist())) == 5
    assert row_hashes(table(rows.numeric_NF[2:3], ["x"]))[0] == hashes[2]  # in whatever block
    assert len(set(row_hashes(Texts(("a", "b", "a"), ("", "", "c"))).tolist())) == 3
    assert row_hashes(Arrays({"x": np.zeros((2, 2))})) is None


def test_rows_of_small_whole_numbers_do_not_meet():
    """The low bits of such numbers are zeros, which a hash must not keep."""
    numbers_NF = np.stack(np.meshgrid(np.arange(300.0), np.arange(300.0)), axis=-1).reshape(-1, 2)
    assert len(np.unique(row_hashes(table(numbers_NF, ["x"] * len(numbers_NF))))) == 90_000


def test_what_is_kept_of_many_rows_is_a_fair_part_of_them(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 1000)
    hashes = row_hashes(table(RANDOM.normal(size=(20_000, 2)), ["x"] * 20_000))
    sketch = sketch_from(json.loads(json.dumps(sketch_of(hashes).to_plain())))
    assert (len(sketch.hashes), sketch.whole, sketch.share_again) == (1000, False, 0.0)
    others = row_hashes(table(RANDOM.normal(size=(5_000, 2)), ["x"] * 5_000))
    n_compared, n_same = sketch.known(np.concatenate([hashes[:5_000], others]))
    assert 300 < n_compared < 700  # a twentieth of 10,000
    assert abs(n_same / n_compared - 0.5) < 0.1


def test_rows_that_come_again_by_chance_are_counted():
    numbers_NF = RANDOM.integers(0, 20, size=(2_000, 2))
    hashes = row_hashes(table(numbers_NF, ["x"] * 2_000))
    sketch = sketch_of(hashes[:1000])
    n_compared, n_same = sketch.known(hashes[1000:])
    assert n_compared == 1000
    assert abs(n_same / n_compared - sketch.share_again) < 0.05
