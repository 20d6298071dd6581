import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folds.fold_cases import labels, plan
from trainer.errors import DataError
from trainer.folds.inner import goes_forward, grouped_slice, inner_folds, latest_slice
from trainer.folds.request import SplitOptions

STRATEGIES = (
    "stratified",
    "kfold",
    "group",
    "stratified_group",
    "multilabel",
    "leave_one_group_out",
    "holdout",
    "predefined",
    "time",
)
WITH_GROUPS = ("group", "stratified_group", "leave_one_group_out")


def case(strategy, seed, with_groups):
    random, n_rows = np.random.default_rng(seed), 120
    target = labels(n_rows, 4, seed) if strategy == "multilabel" else random.permutation(np.arange(n_rows) % 3)
    groups = random.integers(0, 12, n_rows).astype(np.str_) if with_groups else None
    given = random.integers(-1, 3, n_rows) if groups is None else groups.astype(int) % 4 - 1
    chosen = {
        "groups_N": groups,
        "ids_N": random.permutation(n_rows).astype(np.str_),
        "times_N": random.integers(0, 50, n_rows) if strategy == "time" else None,
        "predefined": given if strategy == "predefined" else None,
        "shuffle": strategy not in ("time", "predefined", "leave_one_group_out"),
        "repeats": 1 if strategy in ("time", "predefined", "leave_one_group_out") else 2,
        "n_splits": 3,
        "random_state": seed,
        "options": SplitOptions(gap=2) if strategy == "time" else None,
    }
    return target, chosen, plan(target, strategy, **chosen)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(STRATEGIES), st.integers(0, 50), st.booleans(), st.integers(2, 3))
def test_inner_rows_never_reach_the_outer_held_out_rows(strategy, seed, grouped, n_splits):
    with_groups = strategy in WITH_GROUPS or (grouped and strategy in ("multilabel", "holdout", "predefined"))
    target, chosen, outer = case(strategy, seed, with_groups)
    groups, times = chosen["groups_N"], chosen["times_N"]
    for repeat in range(outer.repeats):
        for fold in range(outer.n_splits):
            train, held_out = outer.rows(repeat, fold)
            inner = inner_folds(
                outer, repeat, fold, target, groups, n_splits, seed, times_N=times, options=chosen["options"]
            )
            assert len(inner) == n_splits
            for inner_train, inner_held_out in inner:
                both = np.concatenate([inner_train, inner_held_out])
                assert set(both) <= set(train)
                assert not set(both) & set(held_out)
                assert len(np.unique(both)) == len(both)
                if groups is not None:
                    assert not set(groups[inner_train]) & set(groups[inner_held_out])
                if times is not None:
                    assert times[inner_train].max() < times[inner_held_out].min()
            tested = np.concatenate([rows for _, rows in inner])
            assert len(np.unique(tested)) == len(tested)
            if strategy != "time":
                assert set(tested) == set(train)


def test_inner_folds_are_the_folds_of_the_training_rows_alone():
    target, _, outer = case("stratified", 1, with_groups=False)
    train, _ = outer.rows(1, 2)
    alone = plan(target[train], n_splits=3, random_state=9)
    found = inner_folds(outer, 1, 2, target, None, 3, 9)
    for fold, pair in enumerate(found):
        assert all(map(np.array_equal, pair, (train[rows] for rows in alone.rows(0, fold))))


def test_inner_folds_do_not_know_the_order_of_the_rows():
    target, chosen, outer = case("stratified", 3, with_groups=False)
    order, ids = np.random.default_rng(5).permutation(120), chosen["ids_N"]
    moved = plan(target[order], **{**chosen, "ids_N": ids[order]})
    one = inner_folds(outer, 0, 1, target, None, 3, 0, ids_N=ids)
    other = inner_folds(moved, 0, 1, target[order], None, 3, 0, ids_N=ids[order])
    for (_, first), (_, second) in zip(one, other, strict=True):
        assert set(ids[first]) == set(ids[order][second])


def test_a_class_too_rare_for_the_inner_folds_is_split_anyway():
    target = np.repeat([0, 1], [55, 5])
    outer = plan(target)
    assert len(inner_folds(outer, 0, 0, target, None, 5, 0)) == 5


def test_the_message_names_the_inner_setting():
    groups = np.repeat(np.arange(6), 10).astype(np.str_)
    outer = plan(np.arange(60) % 2, "group", groups_N=groups, n_splits=3)
    with pytest.raises(DataError, match=r"inner folds of fold 1: 4 groups < 5 folds: use cv\.inner\.n_splits=4"):
        inner_folds(outer, 0, 1, np.arange(60) % 2, groups, 5, 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_grouped_slice_leaves_most_rows_of_a_rare_class_to_train_on(seed):
    """Of 7 positive rows one of four groups has 4: each of the others serves as a slice, and that one does not."""
    random = np.random.default_rng(seed)
    groups, target = np.repeat(list("abcd"), 50), np.zeros(200, dtype=np.int64)
    for group, n_rows in zip(random.permutation(4), (4, 1, 1, 1), strict=True):
        target[50 * group : 50 * group + n_rows] = 1
    rest, inner = grouped_slice(np.arange(200), target, groups, 0.1, seed)
    assert len(inner) == 50
    assert target[inner].sum() == 1
    assert target[rest].sum() == 6


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_labels", [1, 4])
def test_a_grouped_slice_takes_whole_groups_of_the_training_rows(seed, n_labels):
    random = np.random.default_rng(seed)
    target = np.arange(120) % 3 if n_labels == 1 else (random.random((120, n_labels)) < 0.3).astype(np.int64)
    groups = np.array([f"g{i}" for i in random.integers(0, 25, 120)])
    rows = np.sort(random.choice(120, size=80, replace=False))
    rest, inner = grouped_slice(rows, target, groups, 0.2, seed)
    assert np.array_equal(np.sort(np.concatenate([rest, inner])), rows)  # row numbers of the whole data set
    assert (np.diff(rest) > 0).all()
    assert (np.diff(inner) > 0).all()
    assert not set(groups[rest]) & set(groups[inner])
    assert 0.1 < len(inner) / len(rows) < 0.3


def test_where_groups_are_large_the_smallest_is_the_slice():
    groups = np.repeat(["big", "small", "large"], [40, 10, 50])
    rest, inner = grouped_slice(np.arange(100), np.arange(100) % 2, groups, 0.05, 0)
    assert set(groups[inner]) == {"small"}
    assert set(groups[rest]) == {"big", "large"}


def test_one_group_alone_cannot_be_cut():
    with pytest.raises(DataError, match=r"cv\.select=inner: all rows to train on are of group 'a'"):
        grouped_slice(np.arange(10), np.arange(10) % 2, np.repeat("a", 10), 0.2, 0)


def test_the_latest_slice_leaves_the_gap_out_and_keeps_equal_times_together():
    times = np.repeat(np.arange(20), 2)[::-1].copy()  # the first rows are the latest
    rows = np.arange(10, 40)  # times 14 and below
    rest, inner = latest_slice(rows, times, 0.2, gap=2)
    assert sorted(set(times[inner].tolist())) == [12, 13, 14]
    assert sorted(set(times[rest].tolist())) == list(range(10))
    assert len(inner) == 6
    assert set(rest) | set(inner) <= set(rows)
    with pytest.raises(DataError, match="15 distinct times before a held-out part are too few"):
        latest_slice(rows, times, 0.2, gap=12)


def test_a_split_goes_forward_only_where_every_fold_does():
    times, target = np.random.default_rng(0).permutation(60), np.arange(60) % 2
    forward = plan(target, "time", times_N=times, shuffle=False, n_splits=3)
    assert goes_forward(forward, times)
    assert not goes_forward(forward, times[::-1])
    assert not goes_forward(forward, None)
    assert not goes_forward(plan(target, n_splits=3), times)
