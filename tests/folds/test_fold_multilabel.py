import numpy as np
import pytest
from fold_cases import labels, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.folds import multilabel


def folds_of(target, n_splits=5, shuffle=True, random_state=0):
    return list(multilabel.split(target, None, n_splits=n_splits, shuffle=shuffle, random_state=random_state))


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
    assert made.notes == ("multi-label rows: stratified by iterative stratification (cv=multilabel)",)
    for fold, rows in enumerate(folds_of(target, random_state=3)):
        assert np.array_equal(made.rows(0, fold)[1], rows)
    assert plan(target, "multilabel", random_state=3).notes == ()
