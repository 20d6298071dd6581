import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from tests.folds.fold_cases import labels, plan
from trainer.errors import ConfigError, DataError
from trainer.folds.request import SplitOptions, SplitRequest
from trainer.folds.strategies import holdout

TARGET = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [120, 60, 20]))
LABELLED = labels(400)[labels(400).any(axis=1)][:200]  # rows without any label are always dealt out by chance


def held_out(target=TARGET, fraction=0.2, **changes):
    return plan(target, "holdout", options=SplitOptions(holdout_fraction=fraction), **changes)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_one_label_per_row_is_scikit_learns_stratified_split(fraction):
    made = held_out(fraction=fraction, repeats=2)
    for repeat in range(2):
        theirs = StratifiedShuffleSplit(1, test_size=fraction, random_state=42 + repeat).split(TARGET, TARGET)
        train, test = next(theirs)
        assert all(map(np.array_equal, made.rows(repeat, 0), (np.sort(train), np.sort(test))))
    assert (made.n_splits, made.repeats) == (1, 2)
    assert made.notes == ("one fold only: 1 x 2 repeats (cv.n_splits is not used)",)


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_several_per_row_are_in_proportion(seed):
    target = labels(500, seed=seed)
    _, rows = held_out(target, fraction=0.3, random_state=seed).rows(0, 0)
    assert abs(len(rows) - 150) <= 5
    assert np.abs(target[rows].sum(axis=0) - 0.3 * target.sum(axis=0)).max() <= 5


def test_groups_are_kept_and_classes_in_proportion():
    groups = np.random.default_rng(1).integers(0, 80, len(TARGET)).astype(np.str_)
    train, rows = held_out(fraction=0.25, groups_N=groups).rows(0, 0)
    assert not set(groups[train]) & set(groups[rows])
    assert abs(len(rows) - 50) <= 4
    assert np.abs(np.bincount(TARGET[rows], minlength=3) - [30, 15, 5]).max() <= 3


@pytest.mark.parametrize(
    ("target", "grouped"), [(LABELLED, False), (LABELLED, True), (TARGET, True)], ids=["labels", "both", "groups"]
)
def test_every_repeat_and_seed_draws_other_rows(target, grouped):
    groups = (np.arange(200) // 2).astype(np.str_) if grouped else None
    made = held_out(target, groups_N=groups, repeats=5)
    assert len({made.rows(repeat, 0)[1].tobytes() for repeat in range(5)}) == 5
    assert np.array_equal(made.rows(1, 0)[1], held_out(target, groups_N=groups, random_state=43).rows(0, 0)[1])
    assert not any("same rows" in note for note in made.notes)


def test_where_groups_leave_no_choice_equal_repeats_are_told():
    """By hand: of 4 groups of 2, 4, 8 and 16 rows only that of 4 is about a tenth of the 30 rows."""
    groups = np.repeat(["a", "b", "c", "d"], [2, 4, 8, 16])
    made = plan(np.zeros((30, 1), dtype=np.int64), "holdout", groups_N=groups, repeats=3)
    assert made.notes[1] == "cv.repeats=3: 2 of the repeats hold out the same rows as one before"


def test_a_class_of_one_row_is_refused_or_split_without_regard_to_it():
    target = np.append(TARGET, 3)
    with pytest.raises(DataError, match="class 'd': 1 row < 2, one for each side") as caught:
        held_out(target)
    assert "cv.rare=merge" in str(caught.value)
    made = plan(target, "holdout", repeats=60, options=SplitOptions(rare="allow"))
    tested = [made.rows(repeat, 0)[1] for repeat in range(60)]
    assert all(np.bincount(target[rows], minlength=4)[:3].tolist() == [24, 12, 4] for rows in tested)
    assert 3 <= sum(200 in rows for rows in tested) <= 24  # 12 expected
    kept = plan(target, "holdout", options=SplitOptions(rare="keep_in_train"))
    assert 200 in kept.rows(0, 0)[0]


def test_too_small_a_share_for_the_classes():
    with pytest.raises(DataError, match=r"cv\.holdout_fraction=0\.01 of 200 rows cannot have all 3 classes"):
        held_out(fraction=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shuffle": False}, r"draws rows by chance: leave cv\.shuffle=false out"),
        ({"options": SplitOptions(holdout_fraction=1.0)}, r"cv\.holdout_fraction=1\.0: must be between 0 and 1"),
        ({"strategy": "kfold", "options": SplitOptions(holdout_fraction=0.3)}, "no effect with cv=kfold"),
    ],
)
def test_settings_that_do_not_fit_a_holdout_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        plan(**{"target": TARGET, "strategy": "holdout", **changes})


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.37, 0.5])
@pytest.mark.parametrize("counts", [(50, 50), (301, 77, 9), (3, 2, 500), (1, 40, 40), (30, 30, 31, 30)])
def test_of_many_rows_the_same_are_held_out(monkeypatch, counts, fraction):
    """Of more than a million rows scikit-learn's lists are not made: its way of drawing is."""
    target = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    for seed in range(5):
        request = SplitRequest(target, 1, random_state=seed, options=SplitOptions(holdout_fraction=fraction))
        monkeypatch.setattr(holdout, "MANY_ROWS", len(target))
        [expected] = holdout.split(request)
        monkeypatch.setattr(holdout, "MANY_ROWS", 0)
        [found] = holdout.split(request)
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_of_many_rows_too_small_a_share_is_refused_too(monkeypatch):
    monkeypatch.setattr(holdout, "MANY_ROWS", 0)
    request = SplitRequest(np.arange(10) % 5, 1, options=SplitOptions(holdout_fraction=0.1))
    with pytest.raises(DataError, match="cannot have all 5 classes on both sides"):
        list(holdout.split(request))
