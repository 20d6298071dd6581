import json

import numpy as np
import pytest

from tests.folds.fold_cases import labels, plan
from trainer.errors import ConfigError, DataError
from trainer.folds.plan import read_plan

TARGET = np.arange(60) % 3
IDS = np.array([f"row{i}" for i in range(60)])
GROUPS = np.array([f"g{i // 4}" for i in range(60)])


def swapped(values):
    changed = values.copy()
    changed[[0, 1]] = changed[[1, 0]]
    return changed


@pytest.mark.parametrize(
    "changes",
    [
        {"ids_N": swapped(IDS)},
        {"groups_N": GROUPS, "strategy": "group"},
        {"n_splits": 4},
        {"random_state": 0},
        {"random_state": 43},
        {"shuffle": False},
        {"repeats": 2},
        {"strategy": "kfold"},
        {"target": swapped(TARGET)},
    ],
)
def test_the_fingerprint_changes_with_what_decides_the_split(changes):
    assert plan(**{"target": TARGET, "ids_N": IDS, **changes}).fingerprint != plan(TARGET, ids_N=IDS).fingerprint


def test_the_fingerprint_of_groups_changes_with_the_groups():
    assert (
        plan(TARGET, "group", groups_N=GROUPS).fingerprint
        != plan(TARGET, "group", groups_N=swapped(np.roll(GROUPS, 1))).fingerprint
    )


def test_the_fingerprint_does_not_tell_apart_what_is_the_same():
    same = plan(TARGET.tolist(), ids_N=IDS.astype("<U40"), classes=("x", "y", "z"))
    assert same.fingerprint == plan(TARGET, ids_N=IDS).fingerprint
    assert len(same.fingerprint) == 64
    assert (
        plan(TARGET, "group", groups_N=GROUPS).fingerprint == plan(TARGET, "group", groups_N=GROUPS.copy()).fingerprint
    )


def test_ids_cannot_be_cut_differently_without_notice():
    two = np.array(["ab", "c"] * 10)
    other = np.array(["a", "bc"] * 10)
    assert plan(TARGET[:20], ids_N=two).fingerprint != plan(TARGET[:20], ids_N=other).fingerprint


@pytest.mark.parametrize("target", [TARGET, labels(60)])
def test_folds_json_round_trip(tmp_path, target):
    made = plan(target, repeats=2)
    path = tmp_path / "folds.json"
    path.write_text(made.to_json(), encoding="utf-8")
    again = read_plan(path)
    assert {**vars(again), "fold_of_row": None} == {**vars(made), "fold_of_row": None}
    assert np.array_equal(again.fold_of_row, made.fold_of_row)
    assert again.fold_of_row.dtype == np.int64
    for fold in range(5):
        assert all(map(np.array_equal, again.rows(1, fold), made.rows(1, fold)))
    assert set(json.loads(path.read_text())) == set(vars(made)) - {"train_rows", "seeds"}


def test_repeats_use_the_following_seeds():
    made = plan(TARGET, repeats=3, random_state=7)
    for repeat in range(3):
        alone = plan(TARGET, random_state=7 + repeat)
        assert np.array_equal(made.fold_of_row[repeat], alone.fold_of_row[0])
    assert not np.array_equal(made.fold_of_row[0], made.fold_of_row[1])


@pytest.mark.parametrize("strategy", ["stratified", "kfold", "multilabel"])
def test_the_last_seed_that_scikit_learn_takes(strategy):
    assert plan(TARGET, strategy, random_state=2**32 - 2, repeats=2).repeats == 2
    with pytest.raises(ConfigError, match=r"random_state=4294967295: must be at most 4294967294 with cv\.repeats=2"):
        plan(TARGET, strategy, random_state=2**32 - 1, repeats=2)


def test_rows_are_ascending_and_complete():
    made = plan(TARGET)
    for fold in range(5):
        train, held_out = made.rows(0, fold)
        assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(60))
        assert np.array_equal(held_out, np.sort(held_out))
        assert np.array_equal(train, np.sort(train))


def test_a_rare_class_is_named_with_what_to_do():
    """scikit-learn only warns."""
    target = np.array([0] * 20 + [1] * 10 + [2] * 3)
    with pytest.raises(DataError) as caught:
        plan(target, classes=("cat", "dog", "emu"))
    assert str(caught.value).splitlines() == [
        "class 'emu': 3 rows < 5 folds",
        "use cv.n_splits=3 or less, cv.rare=merge, keep_in_train or allow, or cv=kfold",
    ]
    assert plan(target, n_splits=3).n_splits == 3
    assert plan(target, "kfold").n_splits == 5


def test_many_rare_classes_stay_within_five_lines():
    target = np.concatenate([np.zeros(30, int), np.arange(1, 12)])
    with pytest.raises(DataError) as caught:
        plan(target)
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert lines[3] == "... and 8 more classes"
    assert lines[4] == "use cv.rare=merge, keep_in_train or allow, or cv=kfold"


@pytest.mark.parametrize("strategy", ["stratified", "kfold", "multilabel"])
def test_more_folds_than_rows_are_refused(strategy):
    target = labels(6) if strategy == "multilabel" else TARGET[:6]
    with pytest.raises(DataError, match=r"cv\.n_splits=7 is more than the 6 rows"):
        plan(target, strategy, n_splits=7)
