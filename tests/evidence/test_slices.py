"""Slices: which there are, their intervals by the formulas, and how often one is named where there is nothing."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from trainer.data.samples import Images, TableColumns, Texts
from trainer.evidence.slices import compare_slices, cut_quickly, slices_of


def test_tables_are_cut_by_quarters_categories_and_what_is_missing():
    size = np.array([1.0, 2, 3, 4, 5, 6, 7, np.nan])
    few = np.array([0.0, 1, 0, 1, 0, 1, 0, 1])
    colour = np.array(["red", "red", "red", "blue", "blue", None, "", "red"], dtype=object)
    table = TableColumns(np.stack([size, few], axis=1), colour[:, None], ("size", "few"), ("colour",))
    found = {name: np.flatnonzero(inside).tolist() for name, inside in slices_of(table)}
    assert found == {
        "size missing": [7],
        "size 1 to 2": [0, 1],
        "size 3 to 4": [2, 3],
        "size 5 to 6": [4, 5],
        "size 7 to 7": [6],
        "few missing": [],
        "few = 0": [0, 2, 4, 6],
        "few = 1": [1, 3, 5, 7],
        "colour missing": [5],
        "colour = red": [0, 1, 2, 7],
        "colour = blue": [3, 4],
        "colour = ": [6],
    }


def test_texts_are_cut_by_length_and_script():
    texts = Texts(tuple("x" * n for n in (1, 2, 3, 4, 5, 6, 7, 8)))
    found = dict(slices_of(texts))
    assert np.flatnonzero(found["characters 1 to 2"]).tolist() == [0, 1]
    pairs = dict(slices_of(Texts(("Zimmer", "房间", "12"), ("a", "bb", ""))))
    assert np.flatnonzero(pairs["script = Han"]).tolist() == [1]
    assert np.flatnonzero(pairs["characters of the second text = 2"]).tolist() == [1]
    assert np.flatnonzero(pairs["script of the second text missing"]).tolist() == [2]


def test_images_are_cut_by_size_brightness_and_colour(tmp_path):
    names = []
    for number, (size, gray) in enumerate(((8, 0), (8, 40), (16, 80), (16, 250))):
        names.append(f"{number}.png")
        Image.new("RGB" if number else "L", (size, 5), (gray, 0, 0) if number else gray).save(tmp_path / names[-1])
    found = {
        name: np.flatnonzero(inside).tolist()
        for name, inside in slices_of(Images(str(tmp_path), tuple(names), ("",) * 4))
    }
    assert (found["width = 8"], found["height = 5"]) == ([0, 1], [0, 1, 2, 3])
    assert (found["channels = gray"], found["brightness = 0"]) == ([0], [0])


def test_rows_are_cut_by_group():
    found = dict(slices_of(Texts(("x",) * 8), np.array(list("aabbbbcc"))))
    assert np.flatnonzero(found["group = b"]).tolist() == [2, 3, 4, 5]


def test_a_share_has_wilsons_interval_and_fishers_test():
    right, inside = np.repeat([1.0, 0.0, 1.0, 0.0], [30, 20, 90, 10]), np.arange(150) < 50
    [one] = compare_slices(right, {"first": inside})
    z, p, n = 1.959964, 0.6, 50
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = [(middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)]
    assert [one.low, one.high] == pytest.approx(expected, abs=1e-5)
    tail = stats.hypergeom(150, 120, 50)  # both tails: outcomes no likelier than the one seen
    assert one.q == pytest.approx(sum(tail.pmf(k) for k in range(51) if tail.pmf(k) <= tail.pmf(30) * (1 + 1e-7)))
    assert (one.value, one.rest, one.n_rows) == (0.6, 0.9, 50)


def test_a_mean_has_students_interval_and_welchs_test():
    rng = np.random.default_rng(0)
    error, inside = np.concatenate([rng.normal(2, 1, 40), rng.normal(1, 3, 60)]), np.arange(100) < 40
    [one] = compare_slices(error, {"first": inside})
    a, b = error[:40], error[40:]
    va, vb = a.var(ddof=1) / 40, b.var(ddof=1) / 60
    t, df = (a.mean() - b.mean()) / math.sqrt(va + vb), (va + vb) ** 2 / (va**2 / 39 + vb**2 / 59)
    assert one.q == pytest.approx(2 * stats.t.sf(abs(t), df))
    assert [one.low, one.high] == pytest.approx(stats.t.interval(0.95, 39, a.mean(), math.sqrt(va)))


def test_equal_errors_have_no_spread_but_for_their_rounding():
    error = np.where(np.arange(60) % 2 == 0, 0.1 + 0.2, 0.3)
    [one] = compare_slices(error, {"first": np.arange(60) < 30})
    assert [one.q, one.low, one.high] == pytest.approx([1, 0.3, 0.3])


def test_rates_are_those_of_benjamini_and_hochberg():
    rng = np.random.default_rng(0)
    right = (rng.random(400) < 0.8).astype(float)
    masks = {f"s{k}": rng.random(400) < 0.3 for k in range(6)}
    chances = {name: compare_slices(right, {name: mask})[0].q for name, mask in masks.items()}
    found, least = compare_slices(right, masks), 1.0
    for rank, (name, chance) in reversed(list(enumerate(sorted(chances.items(), key=lambda one: one[1]), 1))):
        least = min(least, chance * 6 / rank)
        assert next(one.q for one in found if one.name == name) == pytest.approx(least)


def test_few_slices_are_named_where_there_is_nothing_and_small_ones_are_not_looked_at():
    rng, named = np.random.default_rng(1), 0
    for _ in range(60):
        right = (rng.random(300) < 0.85).astype(float)
        table = TableColumns(rng.normal(size=(300, 5)), np.empty((300, 0), dtype=object), tuple("abcde"))
        named += any(one.differs for one in compare_slices(right, slices_of(table)))
    assert named <= 6  # 3 are expected where 5 % of families have a false discovery
    assert compare_slices(np.ones(30), {"few": np.arange(30) < 19, "rest is few": np.arange(30) < 11}) == []


def test_only_what_is_cut_quickly_is_cut_at_the_end_of_a_run():
    def table(n_rows):
        return TableColumns(np.zeros((n_rows, 2)), np.zeros((n_rows, 1), dtype=object), ("a", "b"), ("c",))

    assert [cut_quickly(table(n)) for n in (100_000, 100_001)] == [True, False]
    assert [cut_quickly(Texts(("x" * n,), ("y" * 10**6,))) for n in (10**6, 10**6 + 1)] == [True, False]
    assert [cut_quickly(Images("", ("a",) * n, ("",) * n)) for n in (200, 201)] == [True, False]
