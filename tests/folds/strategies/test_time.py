import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from tests.folds.fold_cases import plan
from trainer.errors import ConfigError, DataError
from trainer.folds.plan import read_plan
from trainer.folds.request import SplitOptions

TARGET = np.arange(60) % 3


def by_time(times_N, n_splits=5, **options):
    target = np.arange(len(times_N)) % 2
    rest = {"times_N": times_N, "n_splits": n_splits, "shuffle": False, "options": SplitOptions(**options)}
    return plan(target, "time", **rest)


@pytest.mark.parametrize(("gap", "window"), [(0, None), (3, None), (0, 12), (2, 12)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_rows_with_a_time_each_are_split_as_by_scikit_learn(gap, window, dtype):
    order = np.random.default_rng(0).permutation(60)
    made = by_time(order.astype(dtype), gap=gap, window=window)
    row_at = np.argsort(order)
    theirs = TimeSeriesSplit(5, gap=gap, max_train_size=window).split(TARGET)
    for fold, (train, held_out) in enumerate(theirs):
        assert np.array_equal(made.rows(0, fold)[0], np.sort(row_at[train]))
        assert np.array_equal(made.rows(0, fold)[1], np.sort(row_at[held_out]))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), min_size=30, max_size=80), st.integers(0, 2), st.sampled_from([None, 1, 4]))
def test_training_ends_before_the_held_out_part_begins(times, gap, window):
    times_N = np.array([*times, *range(0, 40, 4)])
    made = by_time(times_N, n_splits=3, gap=gap, window=window)
    for fold in range(3):
        train, held_out = made.rows(0, fold)
        distinct = np.unique(times_N)
        step = np.searchsorted(distinct, times_N)
        assert step[held_out].min() - step[train].max() == gap + 1
        if window is not None:
            assert len(np.unique(times_N[train])) <= window
        assert set(np.flatnonzero(np.isin(times_N, times_N[held_out]))) == set(held_out)


def test_the_plan_says_what_is_never_held_out_and_reads_back(tmp_path):
    made = by_time(np.arange(60), gap=3, window=12)
    assert (made.fold_of_row[0] < 0).sum() == 10
    assert made.notes[0] == "10 of 60 rows are never held out: no out-of-fold prediction for them"
    path = tmp_path / "folds.json"
    path.write_text(made.to_json(), encoding="utf-8")
    runs = json.loads(path.read_text())["train_rows"]
    assert runs[4] == {"repeat": 0, "fold": 4, "runs": [[35, 47]]}
    again = read_plan(path)
    for fold in range(5):
        assert all(map(np.array_equal, again.rows(0, fold), made.rows(0, fold)))


def test_too_few_times():
    with pytest.raises(DataError, match=r"3 distinct times are too few for cv\.n_splits=5 with cv\.gap=0"):
        by_time(np.arange(30) % 3)
    with pytest.raises(DataError, match=r"too few for cv\.n_splits=5 with cv\.gap=10"):
        by_time(np.arange(60), gap=10)


def test_rows_without_a_time_are_named():
    times = np.arange(60.0)
    times[7] = np.nan
    with pytest.raises(DataError, match="no time in 1 of the rows, such as row 7"):
        by_time(times)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "time"}, r"set data\.time=COLUMN"),
        ({"strategy": "time", "times_N": np.arange(60), "shuffle": True}, r"set cv\.shuffle=false"),
        ({"strategy": "time", "times_N": np.arange(60), "repeats": 2}, r"cv\.repeats=2 would give the same folds"),
        ({"strategy": "kfold", "repeats": 3}, r"cv\.repeats=3 would give the same folds again"),
        ({"strategy": "kfold", "options": SplitOptions(gap=2)}, r"cv\.gap has no effect with cv=kfold"),
        ({"strategy": "kfold", "options": SplitOptions(window=2)}, r"cv\.window has no effect with cv=kfold"),
        ({"strategy": "time", "times_N": np.arange(60), "options": SplitOptions(gap=-1)}, r"cv\.gap=-1"),
        ({"strategy": "time", "times_N": np.arange(60), "options": SplitOptions(window=0)}, r"cv\.window=0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        plan(**{"target": TARGET, "shuffle": False, **changes})
