"""What must hold for every split: each row is held out once, groups stay together, the order of rows says nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folds.fold_cases import plan
from trainer.folds.request import SplitOptions

STRATEGIES = ("stratified", "kfold", "multilabel", "group", "stratified_group", "leave_one_group_out")
GROUPED = ("multilabel", "group", "stratified_group", "leave_one_group_out")


@st.composite
def data(draw):
    """Rows with distinct ids, labels (one or several per row), groups, and another order of the rows."""
    n_rows = draw(st.integers(12, 40))
    ids = draw(st.lists(st.text("ab01", min_size=1, max_size=8), min_size=n_rows, max_size=n_rows, unique=True))
    target = np.array(draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows)))
    group_N = np.array([f"g{one % 6}" for one in draw(st.permutations(range(n_rows)))])
    order = np.array(draw(st.permutations(range(n_rows))))
    return np.array(ids), target, group_N, order


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=data(), n_splits=st.integers(2, 4), seed=st.integers(0, 9))
def test_folds_partition_the_rows_keep_groups_and_follow_the_ids(strategy, rows, n_splits, seed):
    ids_N, target, group_N, order = rows
    options = SplitOptions(rare="merge" if strategy in ("stratified", "stratified_group") else "refuse")
    settings_ = {"n_splits": n_splits, "random_state": seed, "options": options, "classes": ("a", "b", "c")}
    settings_["shuffle"] = strategy != "leave_one_group_out"
    groups_N = group_N if strategy in GROUPED else None
    made = plan(target, strategy, ids_N=ids_N, groups_N=groups_N, **settings_)
    pairs = [made.rows(0, fold) for fold in range(made.n_splits)]
    assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in pairs])), np.arange(len(target)))
    for train, held_out in pairs:
        assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(target)))
        assert groups_N is None or not set(groups_N[train]) & set(groups_N[held_out])
    reordered = None if groups_N is None else groups_N[order]
    again = plan(target[order], strategy, ids_N=ids_N[order], groups_N=reordered, **settings_)
    assert np.array_equal(again.fold_of_row, made.fold_of_row[:, order])
