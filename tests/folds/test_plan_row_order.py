"""What holds for every strategy: folds partition the rows, keep groups, and do not know the order of the file."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from tests.folds.fold_cases import plan
from trainer.folds.plan import id_order
from trainer.folds.request import SplitOptions

PARTITIONS = ("stratified", "kfold", "group", "stratified_group", "multilabel", "leave_one_group_out")
KEEP_GROUPS = ("group", "stratified_group", "multilabel", "leave_one_group_out", "holdout")
ALL = (*PARTITIONS, "holdout", "time")


@st.composite
def data_sets(draw, strategies):
    """Rows with ids, labels, groups and times, as arrays by name; groups only where the strategy keeps them."""
    strategy, seed = draw(st.sampled_from(strategies)), draw(st.integers(0, 10_000))
    random, n_rows = np.random.default_rng(seed), draw(st.integers(24, 60))
    ids = random.choice(1000, n_rows, replace=False).astype(np.str_)
    if draw(st.booleans()):
        ids = np.char.add("patient ", ids)
    target = random.permutation(np.arange(n_rows) % 3)
    if strategy == "multilabel" or (strategy == "holdout" and draw(st.booleans())):
        target = (random.random((n_rows, 4)) < [0.1, 0.3, 0.5, 0.9]).astype(np.int64)
    groups = random.permutation(np.arange(n_rows) % 8).astype(np.str_)
    arrays = {"target": target, "ids_N": ids, "times_N": random.integers(0, 30, n_rows)}
    if strategy in ("group", "stratified_group", "leave_one_group_out") or (
        strategy in KEEP_GROUPS and draw(st.booleans())
    ):
        arrays["groups_N"] = groups
    options = {"shuffle": strategy not in ("time", "leave_one_group_out"), "n_splits": draw(st.integers(2, 4))}
    options["random_state"] = draw(st.integers(0, 99))
    return strategy, arrays, options, random.permutation(n_rows)


def made_of(strategy, arrays, options):
    return plan(arrays["target"], strategy, **{k: v for k, v in arrays.items() if k != "target"}, **options)


def by_id(made, ids_N):
    pairs = [made.rows(0, fold) for fold in range(made.n_splits)]
    return [(set(ids_N[train]), set(ids_N[held_out])) for train, held_out in pairs]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data_sets(ALL))
def test_folds_do_not_depend_on_the_order_of_the_rows(case):
    strategy, arrays, options, order = case
    reordered = {name: values[order] for name, values in arrays.items()}
    first, second = made_of(strategy, arrays, options), made_of(strategy, reordered, options)
    assert by_id(first, arrays["ids_N"]) == by_id(second, reordered["ids_N"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data_sets(PARTITIONS))
def test_folds_partition_the_rows(case):
    strategy, arrays, options, _ = case
    made = made_of(strategy, arrays, options)
    pairs, everything = [made.rows(0, fold) for fold in range(made.n_splits)], np.arange(len(arrays["target"]))
    assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in pairs])), everything)
    for train, held_out in pairs:
        assert np.array_equal(np.sort(np.concatenate([train, held_out])), everything)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data_sets(KEEP_GROUPS))
def test_no_group_is_on_both_sides(case):
    strategy, arrays, options, _ = case
    made = made_of(strategy, arrays, options)
    groups_N = arrays.get("groups_N", np.arange(len(arrays["target"])))
    for fold in range(made.n_splits):
        train, held_out = made.rows(0, fold)
        assert len(held_out)
        assert len(train)
        assert not set(groups_N[train]) & set(groups_N[held_out])


def test_ids_are_ordered_as_numbers_or_as_text():
    assert id_order(np.array(["10", "9", "0", "111"])).tolist() == [2, 1, 0, 3]
    assert id_order(np.array(["10", "9", "b", "a"])).tolist() == [0, 1, 3, 2]
    assert id_order(np.array(["10", "09", "009"])).tolist() == [2, 1, 0]
    assert np.array_equal(id_order(np.arange(1200).astype(np.str_)), np.arange(1200))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text("019a٣ ", max_size=3), min_size=1, max_size=20))
def test_the_order_is_that_of_python(ids):
    numbered = all(one.isdecimal() and one.isascii() and (one == "0" or one[0] != "0") for one in ids)
    order = sorted(range(len(ids)), key=lambda row: (len(ids[row]) if numbered else 0, ids[row]))
    assert id_order(np.array(ids)).tolist() == order


@pytest.mark.parametrize("strategy", ["stratified", "multilabel", "time", "predefined"])
def test_the_fingerprint_is_that_of_whole_lists_whatever_the_chunks(monkeypatch, strategy):
    random, target = np.random.default_rng(0), np.arange(40) % 2
    changes = {"n_splits": 3, "shuffle": strategy in ("stratified", "multilabel")}
    if strategy == "multilabel":
        target = random.integers(0, 2, (40, 3))
    if strategy == "time":
        changes["times_N"] = random.permutation(40) / 7
    if strategy == "predefined":
        changes |= {"predefined": np.arange(40)[None] % 3}
    ids = np.array([f"é{row}" for row in random.permutation(40)])
    whole = plan(target, strategy, ids_N=ids, **changes)
    monkeypatch.setattr("trainer.folds.plan.CHUNK_CELLS", 7)
    assert plan(target, strategy, ids_N=ids, **changes).fingerprint == whole.fingerprint
    monkeypatch.setattr("trainer.folds.plan.json_parts", lambda fact: [json.dumps(_as_list(fact))])
    assert plan(target, strategy, ids_N=ids, **changes).fingerprint == whole.fingerprint


def _as_list(fact):
    return fact.tolist() if isinstance(fact, np.ndarray) else fact


def test_rows_with_ids_are_split_as_the_sorted_rows_are_by_scikit_learn():
    random = np.random.default_rng(3)
    ids, target = random.permutation(40).astype(np.str_), random.integers(0, 2, 40)
    order = np.argsort(ids.astype(int))
    made = plan(target, ids_N=ids)
    for fold, (_, held_out) in enumerate(StratifiedKFold(5, shuffle=True, random_state=42).split(ids, target[order])):
        assert np.array_equal(made.rows(0, fold)[1], np.sort(order[held_out]))


def test_the_fingerprint_knows_rows_that_changed_places():
    """Files of a run name rows by number, so the same folds of reordered rows are another plan."""
    target, ids = np.arange(40) % 2, np.array([f"row{i:02}" for i in range(40)])
    order = np.random.default_rng(0).permutation(40)
    assert plan(target, ids_N=ids).fingerprint != plan(target[order], ids_N=ids[order]).fingerprint


@pytest.mark.parametrize("options", [SplitOptions(gap=1), SplitOptions(window=9), SplitOptions(holdout_fraction=0.5)])
def test_settings_of_one_strategy_count_in_the_fingerprint(options):
    target = np.arange(60) % 2
    rest = {"strategy": "time", "shuffle": False, "times_N": np.arange(60)}
    rest = {"strategy": "holdout"} if options.holdout_fraction == 0.5 else rest
    assert plan(target, **rest, options=options).fingerprint != plan(target, **rest).fingerprint
