"""Total variation of columns of words, against its definition and SciPy."""

from itertools import chain, combinations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from trainer.audit.word_drift import FEW_VALUES, word_drifts
from trainer.data.samples import Samples, TableColumns, Texts
from trainer.folds.plan import make_folds

RANDOM = np.random.default_rng(0)


def table(columns, groups_N=None):
    """Samples of these columns, by name."""
    words_NK = np.array(list(columns.values()), dtype=object).T
    inputs = TableColumns(np.empty((len(words_NK), 0)), words_NK, (), tuple(columns))
    return Samples(np.arange(len(words_NK)).astype(np.str_), inputs, np.arange(len(words_NK)) % 2, None, groups_N)


def drifts(samples, strategy="kfold", n_splits=4, shuffle=True, seed=0):
    options = {"n_splits": n_splits, "repeats": 1, "shuffle": shuffle, "random_state": seed}
    given = {"ids_N": samples.ids_N, "groups_N": samples.groups_N, "classes": ("a", "b")}
    plan = make_folds(strategy, samples.target, **given, **options)
    return plan, word_drifts(plan, samples)


def test_the_distance_is_the_largest_difference_of_any_set_of_words() -> None:
    words_N = RANDOM.choice([*"abcd", None], 80)
    plan, found = drifts(table({"w": words_N}))
    for fold, part in enumerate(found):
        train, held_out = (words_N[rows][words_N[rows] != None] for rows in plan.rows(0, fold))  # noqa: E711
        sets = chain.from_iterable(combinations("abcd", size) for size in range(5))
        gaps = [abs(np.isin(train, one).mean() - np.isin(held_out, one).mean()) for one in map(list, sets)]
        assert part["value"] == pytest.approx(max(gaps))


def test_of_two_words_it_is_the_distance_of_kolmogorov_and_smirnov() -> None:
    bits_N = RANDOM.integers(0, 2, 60)
    plan, found = drifts(table({"w": np.array(["no", "yes"])[bits_N]}))
    expected = [ks_2samp(*(bits_N[rows] for rows in plan.rows(0, fold))).statistic for fold in range(4)]
    assert [part["value"] for part in found] == pytest.approx(expected)


def test_a_site_of_one_fold_is_beyond_chance_and_named_first() -> None:
    site = ["u"] * 20 + ["v"] * 60
    _, found = drifts(table({"coin": RANDOM.choice(["x", "y"], 80), "site": site}), shuffle=False)
    assert found[0] == {"feature": "site", "value": 1.0, "beyond_chance": ["site"]}
    assert [part["beyond_chance"] for part in found[1:]] == [[], [], []]


@pytest.mark.parametrize("n_words", [2, 5, FEW_VALUES])
def test_chance_raises_no_alarm(n_words: int) -> None:
    """In 100 splits by chance of 3 columns at most 5 alarms are allowed for; half of the cells of one are missing."""
    alarms = 0
    for seed in range(100):
        words = {name: RANDOM.integers(0, n_words, 200).astype(np.str_).astype(object) for name in "abc"}
        words["c"][RANDOM.random(200) < 0.5] = None
        alarms += any(part["beyond_chance"] for part in drifts(table(words), seed=seed)[1])
    assert alarms <= 5


def test_rows_of_one_group_count_once() -> None:
    words = {"w": ["u"] * 80 + ["v"] * 320}
    plan, (first, *_) = drifts(table(words), n_splits=5, shuffle=False)
    assert first == {"feature": "w", "value": 1.0, "beyond_chance": ["w"]}
    grouped = table(words, (np.arange(400) // 40).astype(np.str_))  # 2 groups held out, 8 trained on
    assert word_drifts(plan, grouped)[0] == {"feature": "w", "value": 1.0, "beyond_chance": []}


def test_columns_of_one_word_or_of_many_are_left_out() -> None:
    many = [f"w{row % (FEW_VALUES + 1)}" for row in range(84)]
    assert drifts(table({"one": ["x"] * 84, "many": many, "none": [None] * 84}))[1] == [None] * 4
    texts = Samples(np.arange(8).astype(np.str_), Texts(("a b",) * 8), np.arange(8) % 2)
    assert drifts(texts)[1] == [None] * 4


def test_a_fold_without_a_word_differs_by_nothing() -> None:
    words = [None] * 20 + ["a", "b"] * 30
    _, found = drifts(table({"w": words}), shuffle=False)
    assert found[0] == {"feature": "w", "value": 0.0, "beyond_chance": []}
