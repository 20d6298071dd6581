import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedGroupKFold

from tests.folds.fold_cases import labels, plan
from trainer.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
GROUPS = np.sort(RANDOM.integers(0, 30, size=200)).astype(np.str_)
TARGET = RANDOM.integers(0, 3, size=200)
SPLITTERS = {"group": GroupKFold, "stratified_group": StratifiedGroupKFold}


@pytest.mark.parametrize("strategy", SPLITTERS)
@pytest.mark.parametrize("random_state", [0, 42])
def test_group_splits_are_scikit_learns(strategy, random_state):
    made = plan(TARGET, strategy, groups_N=GROUPS, random_state=random_state)
    theirs = SPLITTERS[strategy](5, shuffle=True, random_state=random_state).split(TARGET, TARGET, GROUPS)
    for fold, (train, held_out) in enumerate(theirs):
        ours = made.rows(0, fold)
        assert np.array_equal(ours[0], train)
        assert np.array_equal(ours[1], held_out)


@pytest.mark.parametrize("strategy", SPLITTERS)
def test_no_group_is_on_both_sides(strategy):
    made = plan(TARGET, strategy, groups_N=GROUPS, repeats=2)
    for repeat in range(2):
        for fold in range(5):
            train, held_out = made.rows(repeat, fold)
            assert not set(GROUPS[train]) & set(GROUPS[held_out])


@pytest.mark.parametrize("strategy", ["stratified", "kfold", "time"])
def test_groups_are_never_ignored(strategy):
    options = {"times_N": np.arange(200), "shuffle": False} if strategy == "time" else {}
    with pytest.raises(ConfigError, match=f"cv={strategy} would put rows of one group on both sides"):
        plan(TARGET, strategy, groups_N=GROUPS, **options)


@pytest.mark.parametrize("strategy", SPLITTERS)
def test_a_group_split_wants_groups(strategy):
    with pytest.raises(ConfigError, match=r"set data\.group=COLUMN"):
        plan(TARGET, strategy)


def test_fewer_groups_than_folds():
    with pytest.raises(DataError, match=r"2 groups < 5 folds: use cv\.n_splits=2"):
        plan(TARGET, "group", groups_N=np.array(["a", "b"] * 100))


def test_multilabel_rows_by_group():
    target = labels()
    made = plan(target, "group", groups_N=GROUPS)
    assert (made.fold_of_row >= 0).all()
    with pytest.raises(ConfigError, match="use cv=multilabel, which keeps groups too"):
        plan(target, "stratified_group", groups_N=GROUPS)


def test_a_class_in_few_groups_is_told():
    target = np.where(GROUPS[0] == GROUPS, 1, 0)
    target[:8] = 1
    made = plan(target, "stratified_group", groups_N=GROUPS, classes=("usual", "scarce"))
    n_groups = len(np.unique(GROUPS[target == 1]))
    assert n_groups < 5
    assert made.notes == (f"class 'scarce' is in {n_groups} groups: not every one of 5 folds can hold it out",)


def test_each_group_is_held_out_alone_as_by_scikit_learn():
    made = plan(TARGET, "leave_one_group_out", groups_N=GROUPS, shuffle=False)
    theirs = list(LeaveOneGroupOut().split(TARGET, groups=GROUPS))
    assert made.n_splits == len(theirs) == 30
    assert made.notes == ("one fold per group: 30 (cv.n_splits is not used)",)
    for fold, (train, held_out) in enumerate(theirs):
        assert all(map(np.array_equal, made.rows(0, fold), (train, held_out)))


def test_one_group_cannot_be_left_out():
    with pytest.raises(DataError, match=r"1 group < 2, one for each side: every row is of 'a'; set data\.group=COLUMN"):
        plan(TARGET, "leave_one_group_out", groups_N=np.full(200, "a"), shuffle=False)
