from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.folds.fold_cases import labels, plan
from trainer.folds.request import SplitRequest
from trainer.folds.strategies import multilabel


def folds_of(target, n_splits=5, shuffle=True, random_state=0, groups_N=None):
    pairs = list(multilabel.split(SplitRequest(target, n_splits, shuffle, random_state, groups_N)))
    assert all(np.array_equal(train, np.setdiff1d(np.arange(len(target)), rows)) for train, rows in pairs)
    return [held_out for _, held_out in pairs]


def row_by_row(target, n_splits, shuffle, random_state):
    """Algorithm 1 as it is printed, one NumPy step per row: what the fast form must agree with to the row."""
    random = np.random.default_rng(random_state) if shuffle else None
    fold_N = np.full(len(target), -1)
    wanted_rows_K = np.full(n_splits, len(target) / n_splits)
    wanted_KL = np.tile(target.sum(axis=0) / n_splits, (n_splits, 1))
    left = target.astype(bool)

    def most_wanting(first_K, second_K):
        tied = np.flatnonzero(np.isclose(first_K, first_K.max()))
        tied = tied[np.isclose(second_K[tied], second_K[tied].max())]
        return int(tied[0] if random is None or len(tied) == 1 else random.choice(tied))

    while left.any():
        counts_L = left.sum(axis=0)
        label = int(np.where(counts_L > 0, counts_L, np.iinfo(np.int64).max).argmin())
        for row in np.flatnonzero(left[:, label]):
            fold = most_wanting(wanted_KL[:, label], wanted_rows_K)
            fold_N[row] = fold
            wanted_KL[fold] -= target[row]
            wanted_rows_K[fold] -= 1
            left[row] = False
    for row in np.flatnonzero(fold_N < 0):
        fold_N[row] = most_wanting(wanted_rows_K, wanted_rows_K)
        wanted_rows_K[fold_N[row]] -= 1
    return fold_N


def label_distance(target, folds):
    """Sechidis et al. 2011, LD: mean over labels of the mean over folds of |odds in the fold - odds overall|."""
    overall_L = target.sum(0) / (len(target) - target.sum(0))
    positives_KL = np.array([target[rows].sum(0) for rows in folds])
    negatives_KL = np.array([len(rows) for rows in folds])[:, None] - positives_KL
    return float(np.abs(positives_KL / negatives_KL - overall_L).mean())


def proportion_error(target, folds):
    return float(np.mean([np.abs(target[rows].mean(0) - target.mean(0)).mean() for rows in folds]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    arrays(np.int64, st.tuples(st.integers(2, 40), st.integers(1, 5)), elements=st.integers(0, 1)),
    st.integers(2, 6),
    st.booleans(),
    st.integers(0, 5),
)
def test_every_row_is_in_exactly_one_fold(target, n_splits, shuffle, random_state):
    folds = folds_of(target, n_splits, shuffle, random_state)
    assert len(folds) == n_splits
    assert np.array_equal(np.sort(np.concatenate(folds)), np.arange(len(target)))
    assert all((np.diff(rows) > 0).all() for rows in folds)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n_rows", "n_splits", "shuffle"), [(200, 5, True), (203, 7, True), (150, 10, False)])
def test_the_fast_form_is_the_algorithm_row_by_row(seed, n_rows, n_splits, shuffle):
    target = labels(n_rows, n_labels=8, seed=seed)
    expected = row_by_row(target, n_splits, shuffle, seed)
    for fold, rows in enumerate(folds_of(target, n_splits, shuffle, seed)):
        assert np.array_equal(rows, np.flatnonzero(expected == fold))


def test_groups_are_kept_and_labels_spread_better_than_by_group_alone():
    errors = []
    for seed in range(12):  # a single draw by group alone may come out better
        target, random = labels(400, seed=seed), np.random.default_rng(seed)
        groups_N = random.integers(0, 60, len(target)).astype(np.str_)
        ours = folds_of(target, random_state=seed, groups_N=groups_N)
        assert np.array_equal(np.sort(np.concatenate(ours)), np.arange(len(target)))
        assert sum(len(set(groups_N[rows])) for rows in ours) == len(set(groups_N))
        by_group = plan(target, "group", groups_N=groups_N, random_state=seed)
        theirs = [by_group.rows(0, fold)[1] for fold in range(5)]
        errors.append((proportion_error(target, ours), proportion_error(target, theirs)))
    ours_S, theirs_S = np.array(errors).T
    assert ours_S.mean() < 0.8 * theirs_S.mean()
    assert (ours_S < theirs_S).sum() >= 10


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_one_size_are_dealt_out_anew_by_each_seed(seed):
    """In the order of their names the most wanted fold of each would be the same whatever the seed."""
    target = np.random.default_rng(seed).integers(0, 2, (60, 6))
    groups_N = np.random.default_rng(seed).integers(0, 12, 60).astype(np.str_)
    splits = [folds_of(target, random_state=state, groups_N=groups_N) for state in range(8)]
    assert len({frozenset(rows.tobytes() for rows in folds) for folds in splits}) > 1
    unshuffled = [folds_of(target, shuffle=False, random_state=state, groups_N=groups_N) for state in range(2)]
    assert all(map(np.array_equal, *unshuffled))


def test_a_large_group_is_dealt_out_before_small_ones():
    """By hand: label 0 is wanted 4 times by each of 2 folds; the group of 4 goes first and fills one of them."""
    target = np.ones((8, 1), dtype=np.int64)
    groups_N = np.array(["a", "b", "big", "big", "big", "big", "c", "d"])
    folds = folds_of(target, 2, shuffle=False, groups_N=groups_N)
    assert [rows.tolist() for rows in folds] == [[2, 3, 4, 5], [0, 1, 6, 7]]


def test_100_000_rows_take_seconds():
    random = np.random.default_rng(0)
    target = (random.random((100_000, 20)) < np.linspace(0.005, 0.4, 20)).astype(np.int64)
    start = perf_counter()
    sizes = [len(rows) for rows in folds_of(target)]
    assert perf_counter() - start < 10
    assert max(sizes) - min(sizes) < 100


@pytest.mark.parametrize("seed", range(8))
def test_labels_are_spread_better_than_by_kfold(seed):
    target = labels(seed=seed)
    ours = folds_of(target, random_state=seed)
    kfold = plan(target, "kfold", random_state=seed)
    theirs = [kfold.rows(0, fold)[1] for fold in range(5)]
    assert proportion_error(target, ours) < proportion_error(target, theirs) / 2
    assert label_distance(target, ours) < label_distance(target, theirs)


@pytest.mark.parametrize("seed", range(4))
def test_the_rarest_label_is_dealt_out_evenly(seed):
    """Algorithm 1 deals it first, so its counts differ by one at most."""
    target = labels(seed=seed)
    rarest = int(target.sum(0).argmin())
    counts = [int(target[rows, rarest].sum()) for rows in folds_of(target, random_state=seed)]
    assert max(counts) - min(counts) <= 1


def test_fold_sizes_stay_close():
    sizes = [len(rows) for rows in folds_of(labels(400))]
    assert max(sizes) - min(sizes) <= 4


def test_one_label_is_plain_stratification():
    target = (np.arange(50) % 5 == 0).astype(np.int64)[:, None]
    assert [(len(rows), int(target[rows].sum())) for rows in folds_of(target)] == [(10, 2)] * 5


def test_without_shuffling_ties_go_to_the_first_fold():
    """Worked by hand from the algorithm: label 1 (2 rows) first, then label 0, then the row without labels."""
    target = np.array([[1, 0], [1, 1], [1, 0], [0, 1], [0, 0], [1, 0]])
    folds = folds_of(target, n_splits=2, shuffle=False)
    assert [rows.tolist() for rows in folds] == [[1, 2, 4], [0, 3, 5]]


def test_seed_and_shuffle_decide():
    target = labels()
    assert all(map(np.array_equal, folds_of(target), folds_of(target)))
    assert not all(map(np.array_equal, folds_of(target), folds_of(target, random_state=1)))
    unshuffled = folds_of(target, shuffle=False, random_state=0), folds_of(target, shuffle=False, random_state=1)
    assert all(map(np.array_equal, *unshuffled))


def test_a_multilabel_target_under_stratified_is_split_so_and_says_it():
    target = labels()
    made = plan(target, random_state=3)
    assert made.strategy == "multilabel"
    rare = "too rare for 5 folds: label 'a' (0 rows), 'b' (4 rows); metrics that need one are undefined where none is "
    assert target[:, :2].sum(axis=0).tolist() == [0, 4]
    assert made.notes == (
        "multi-label rows: stratified by iterative stratification (cv=multilabel)",
        f"{rare}held out",
    )
    for fold, rows in enumerate(folds_of(target, random_state=3)):
        assert np.array_equal(made.rows(0, fold)[1], rows)
    assert plan(target, "multilabel", random_state=3).notes == (f"{rare}held out",)
    assert plan(target[:, 2:], "multilabel", random_state=3).notes == ()


@pytest.mark.parametrize("with_groups", [False, True])
def test_one_label_per_row_is_split_as_one_hot(with_groups):
    target = np.random.default_rng(0).integers(0, 3, 90)
    groups_N = (np.arange(90) // 3).astype(np.str_) if with_groups else None
    one, several = (plan(t, "multilabel", groups_N=groups_N) for t in (target, np.eye(3, dtype=np.int64)[target]))
    assert np.array_equal(one.fold_of_row, several.fold_of_row)
    counts_KC = np.array([np.bincount(target[one.rows(0, fold)[1]], minlength=3) for fold in range(5)])
    assert (np.ptp(counts_KC, axis=0) <= (6 if with_groups else 1)).all()  # two groups of 3
