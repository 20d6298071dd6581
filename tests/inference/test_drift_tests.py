"""PSI, KS and what counts as drift: against scipy and the formula on the raw rows, and by simulation without drift."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from trainer.data.row_statistics import row_statistics
from trainer.data.samples import TableColumns
from trainer.inference import drift_tests
from trainer.inference.drift_counts import watch_of
from trainer.inference.drift_tests import MISSING, OUTSIDE, SHAPE, UNSEEN, compared, significant


def table(numbers=(), words=()):
    n_rows = len(next(iter([*numbers, *words])))
    numeric_NF = np.stack(numbers, axis=1) if len(numbers) else np.zeros((n_rows, 0))
    categorical_NK = np.empty((n_rows, len(words)), dtype=object)
    for place, column in enumerate(words):
        categorical_NK[:, place] = column
    names = [f"x{place}" for place in range(len(numbers))], [f"c{place}" for place in range(len(words))]
    return TableColumns(numeric_NF, categorical_NK, *map(tuple, names))


def drift_of(train, *blocks):
    watch = watch_of(row_statistics(train), "here")
    for block in blocks:
        watch.add(block, sum(len(one.numeric_NF) for one in blocks))
    return {drift.counted.name: drift for drift in compared(list(watch.columns.values()))}


@pytest.mark.parametrize("move", [0.0, 0.3, 1.0, 8.0, -8.0])
def test_psi_and_ks_are_those_of_the_raw_rows(move):
    random = np.random.default_rng(1)
    train, new = random.normal(size=3_000), random.normal(move, 1.2, size=1_000)
    found = drift_of(table([train]), table([new[:300]]), table([new[300:]]))["x0"]
    deciles = np.sort(train)[300 * np.arange(1, 10) - 1]
    counts = [np.bincount(np.searchsorted(deciles, values), minlength=10) + 0.5 for values in (train, new)]
    expected, actual = (count / count.sum() for count in counts)
    assert found.psi == pytest.approx(((actual - expected) * np.log(actual / expected)).sum(), abs=1e-12)
    assert found.ks == pytest.approx(ks_2samp(train, new).statistic, abs=0.011)
    assert found.p_values[SHAPE] == pytest.approx(
        chi2_contingency(np.array(counts) - 0.5, correction=False).pvalue, rel=1e-6, abs=1e-300
    )


def test_the_p_value_of_missing_values_is_that_of_scipy():
    train, new = np.arange(200.0), np.arange(50.0)
    train[:20], new[:12] = np.nan, np.nan
    found = drift_of(table([train]), table([new]))["x0"]
    assert found.missing_shares == (0.1, 0.24)
    assert found.p_values[MISSING] == pytest.approx(chi2_contingency([[20, 180], [12, 38]]).pvalue)


def test_the_chance_of_values_beyond_the_largest_is_that_of_drawing_them():
    random = np.random.default_rng(0)
    values = random.normal(size=(100_000, 12))  # 8 training, 4 new
    share = (values[:, 8:].max(axis=1) > values[:, :8].max(axis=1)).mean()
    two = (np.sort(values[:, 8:], axis=1)[:, -2] > values[:, :8].max(axis=1)).mean()
    counted = drift_of(table([np.arange(8.0)]), table([np.arange(4.0)]))["x0"].counted
    assert drift_tests._beyond_p(counted, 1) == pytest.approx(share, abs=0.005)
    assert drift_tests._beyond_p(counted, 2) == pytest.approx(two, abs=0.005)


def test_holm_keeps_what_the_published_procedure_rejects():
    p_values = np.array([0.001, 0.04, 0.013, 0.02, 0.0126, 0.9])
    # by hand, Holm (1979): 0.001 <= 0.05/6, then 0.0126 > 0.05/5 stops
    assert significant(p_values).tolist() == [True, False, False, False, False, False]
    assert significant([0.01, 0.012, 0.02]).tolist() == [True, True, True]


@pytest.mark.parametrize("n_new", [6, 30, 300])
def test_rows_like_the_training_rows_raise_an_alarm_in_at_most_one_file_of_twenty(n_new):
    n_files = 60

    def rows(random, n_rows):
        numbers = [random.normal(size=n_rows), np.round(random.gamma(2, 3, n_rows)), random.standard_t(2, n_rows)]
        numbers[0][random.random(n_rows) < 0.1] = np.nan
        words = [np.array([f"z{value}" for value in random.zipf(2, n_rows)]), random.choice(["a", "b"], n_rows)]
        return table(numbers, words)

    alarms = 0
    for seed in range(n_files):
        random = np.random.default_rng(seed)
        alarms += any(drift.found for drift in drift_of(rows(random, 400), rows(random, n_new)).values())
    assert alarms <= 0.05 * n_files


def test_each_sort_of_drift_is_found_by_its_own_test():
    random = np.random.default_rng(0)
    numbers = [random.normal(170, 9, 500) for _ in range(3)]
    words = [random.choice(["a", "b"], 500) for _ in range(3)]
    metres, missing = numbers[0] / 100, np.where(np.arange(500) % 2, np.nan, numbers[1])
    new_word = np.where(np.arange(500) % 4, words[0], "z")
    found = drift_of(
        table(numbers, words), table([metres, missing, numbers[2]], [new_word, np.full(500, None), words[2]])
    )
    assert {name: drift.found for name, drift in found.items()} == {
        "x0": {OUTSIDE, SHAPE},
        "x1": {MISSING},
        "x2": set(),
        "c0": {UNSEEN} | ({SHAPE} if found["c0"].psi >= 0.1 else set()),
        "c1": {MISSING},
        "c2": set(),
    }
    assert found["x0"].outside_share == 1
    assert found["c0"].unseen_share == 0.25
