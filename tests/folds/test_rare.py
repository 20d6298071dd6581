import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from tests.folds.fold_cases import labels, plan
from trainer.errors import ConfigError, DataError
from trainer.folds.request import SplitOptions

TARGET = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [60, 30, 4, 2]))
CLASSES = ("cat", "dog", "emu", "yak")


def split(rare, target=TARGET, strategy="stratified", **changes):
    return plan(target, strategy, classes=CLASSES, options=SplitOptions(rare=rare), **changes)


def same_as(made, target, rows):
    for fold, (_, held_out) in enumerate(StratifiedKFold(5, shuffle=True, random_state=42).split(rows, target)):
        assert np.array_equal(made.rows(0, fold)[1], rows[held_out])


def test_merged_classes_are_stratified_as_one():
    made = split("merge")
    assert made.notes == ("stratified as one class (cv.rare=merge): 'emu' (4 rows), 'yak' (2 rows)",)
    same_as(made, np.where(TARGET == 3, 2, TARGET), np.arange(len(TARGET)))
    rare_N = TARGET >= 2
    assert all(1 <= rare_N[made.rows(0, fold)[1]].sum() <= 2 for fold in range(5))


def test_the_next_smallest_class_joins_rare_ones_too_few_together():
    target = np.repeat([0, 1, 2], [60, 30, 2])
    made = split("merge", target)
    assert made.notes == ("stratified as one class (cv.rare=merge): 'dog' (30 rows), 'emu' (2 rows)",)
    same_as(made, np.where(target == 2, 1, target), np.arange(len(target)))


def test_rows_kept_in_train_are_never_held_out_and_always_trained_on():
    made = split("keep_in_train")
    kept = np.flatnonzero(TARGET >= 2)
    assert (made.fold_of_row[0, kept] == -1).all()
    assert made.notes == ("6 rows are never held out (cv.rare=keep_in_train): 'emu' (4 rows), 'yak' (2 rows)",)
    rows = np.flatnonzero(TARGET < 2)
    same_as(made, TARGET[rows], rows)
    for fold in range(5):
        train, held_out = made.rows(0, fold)
        assert set(kept) <= set(train)
        assert len(train) + len(held_out) == len(TARGET)
    assert made.train_rows == {}


def test_the_groups_of_kept_rows_are_kept_too():
    groups = np.random.default_rng(1).integers(0, 40, len(TARGET)).astype(np.str_)
    made = split("keep_in_train", strategy="stratified_group", groups_N=groups)
    beside = np.isin(groups, groups[TARGET >= 2])
    assert beside.sum() > 6
    assert np.array_equal(made.fold_of_row[0] == -1, beside)
    assert made.notes[0].startswith(f"{beside.sum()} rows, with the rest of their groups, are never held out")


@pytest.mark.parametrize("strategy", ["stratified", "stratified_group"])
def test_allowed_rare_classes_are_split_without_a_warning(strategy):
    groups = np.arange(len(TARGET)).astype(np.str_) if strategy == "stratified_group" else None
    made = split("allow", strategy=strategy, groups_N=groups)
    assert made.notes[0] == "rare classes split anyway (cv.rare=allow): 'emu' (4 rows), 'yak' (2 rows)"
    assert (made.fold_of_row >= 0).all()


def test_what_was_done_is_in_the_fingerprint_only_where_it_was_done():
    prints = {split(rare).fingerprint for rare in ("merge", "keep_in_train", "allow")}
    assert len(prints) == 3
    plenty = np.arange(60) % 4
    assert split("merge", plenty).fingerprint == split("refuse", plenty).fingerprint
    assert split("merge", plenty).notes == ()


def test_group_splits_refuse_rare_classes_too():
    groups = np.arange(len(TARGET)).astype(np.str_)
    with pytest.raises(DataError) as caught:
        split("refuse", strategy="stratified_group", groups_N=groups)
    assert str(caught.value).splitlines() == [
        "class 'emu': 4 rows < 5 folds",
        "class 'yak': 2 rows < 5 folds",
        "use cv.n_splits=2 or less, cv.rare=merge, keep_in_train or allow, or cv=group",
    ]


def test_nothing_but_rare_classes():
    target = np.repeat([0, 1, 2], [4, 4, 3])
    with pytest.raises(DataError, match="every class has fewer rows than 5 folds"):
        split("allow", target)
    with pytest.raises(DataError, match="leaves no row to hold out"):
        split("keep_in_train", target)
    assert (split("merge", target).fold_of_row >= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rare": "mrege"}, r"cv\.rare: unknown 'mrege': did you mean 'merge'"),
        ({"rare": "merge", "strategy": "kfold"}, r"cv\.rare=merge has no effect with cv=kfold"),
        ({"rare": "merge", "target": labels(), "strategy": "kfold"}, r"cv\.rare=merge has no effect with cv=kfold"),
    ],
)
def test_settings_without_effect_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        split(**changes)


SETS = np.zeros((60, 4), dtype=np.int64)
SETS[:30, 0] = SETS[20:50, 1] = 1
SETS[[3, 17], 2] = SETS[[29, 40, 55], 3] = 1


@pytest.mark.parametrize("strategy", ["multilabel", "stratified"])
def test_rare_labels_are_kept_in_train_merged_or_named(strategy):
    kept = split("keep_in_train", SETS, strategy)
    rows = np.flatnonzero(SETS[:, 2:].any(axis=1))
    assert "5 rows are never held out (cv.rare=keep_in_train): 'emu' (2 rows), 'yak' (3 rows)" in kept.notes
    assert np.array_equal(np.flatnonzero(kept.fold_of_row[0] == -1), rows)
    assert all(set(rows) <= set(kept.rows(0, fold)[0]) for fold in range(5))
    merged = split("merge", SETS, strategy)
    assert "stratified as one label (cv.rare=merge): 'emu' (2 rows), 'yak' (3 rows)" in merged.notes
    assert all(SETS[merged.rows(0, fold)[1], 2:].sum() == 1 for fold in range(5))
    allowed, plain = (split(rare, SETS, strategy) for rare in ("allow", "refuse"))
    assert "rare labels split anyway (cv.rare=allow): 'emu' (2 rows), 'yak' (3 rows)" in allowed.notes
    assert np.array_equal(allowed.fold_of_row, plain.fold_of_row)
    assert "too rare for 5 folds: label 'emu' (2 rows), 'yak' (3 rows)" in "; ".join(plain.notes)


def test_the_groups_of_rows_with_a_rare_label_are_kept_too():
    groups = (np.arange(60) // 3).astype(np.str_)
    made = split("keep_in_train", SETS, "multilabel", groups_N=groups)
    assert np.array_equal(made.fold_of_row[0] == -1, np.isin(groups, groups[SETS[:, 2:].any(axis=1)]))
    with pytest.raises(DataError, match="leaves no row to hold out"):
        split("keep_in_train", np.eye(4, dtype=np.int64), "multilabel", n_splits=2)


def test_a_label_of_one_row_is_rare_for_a_single_held_out_part():
    one = SETS.copy()
    one[17, 2] = 0
    made = split("keep_in_train", one, "holdout")
    assert made.fold_of_row[0, 3] == -1
    assert "1 row is never held out (cv.rare=keep_in_train): 'emu' (1 row)" in made.notes
    assert not any("never held out (cv.rare" in note for note in split("keep_in_train", SETS, "holdout").notes)


@pytest.mark.parametrize(("n_alone", "refused"), [(31, "labels occur once"), (30, "1 row < 5 folds")])
def test_labels_that_most_rows_have_for_themselves_are_told_to_be_no_classes(n_alone, refused):
    """Of 60 or 61 rows: more than half, and as many."""
    target = np.concatenate([np.arange(n_alone), np.repeat(np.arange(n_alone, n_alone + 6), 5)])
    names = tuple(f"review {place}" for place in range(n_alone + 6))
    with pytest.raises(DataError, match=refused) as told:
        plan(target, "stratified", classes=names, options=SplitOptions(rare="refuse"))
    assert "cv.rare=merge" in str(told.value)
    assert ("set data.label to the column with the classes" in str(told.value)) == (n_alone == 31)
