import numpy as np
import pytest
from sklearn.model_selection import PredefinedSplit, RepeatedKFold, ShuffleSplit

from tests.folds.fold_cases import labels, plan
from trainer.errors import ConfigError, DataError
from trainer.folds.request import SplitOptions
from trainer.folds.strategies.predefined import from_cells

TARGET = np.arange(30) % 3
NUMBERS = np.random.default_rng(0).integers(-1, 4, 30)


def given_folds(predefined, **changes):
    return plan(**{"target": TARGET, "strategy": "predefined", "shuffle": False, "predefined": predefined, **changes})


def test_fold_numbers_are_scikit_learns_predefined_split():
    made = given_folds(NUMBERS)
    for fold, (train, held_out) in enumerate(PredefinedSplit(NUMBERS).split()):
        assert all(map(np.array_equal, made.rows(0, fold), (train, held_out)))
    assert made.n_splits == 4
    assert made.notes == (
        "given folds: 4 (cv.n_splits is not used)",
        f"{(NUMBERS < 0).sum()} of 30 rows are never held out: no out-of-fold prediction for them",
    )


def test_fold_numbers_are_counted_from_zero():
    assert np.array_equal(given_folds(NUMBERS * 10 + 5).fold_of_row[0], NUMBERS)


def test_pairs_give_their_repeats_back():
    pairs = list(RepeatedKFold(n_splits=5, n_repeats=2, random_state=0).split(TARGET))
    made = given_folds(pairs)
    assert (made.repeats, made.n_splits) == (2, 5)
    for number, pair in enumerate(pairs):
        assert all(map(np.array_equal, made.rows(*divmod(number, 5)), pair))


def test_pairs_that_overlap_are_repeats_of_one_fold():
    pairs = list(ShuffleSplit(4, test_size=0.5, random_state=0).split(TARGET))
    made = given_folds(pairs)
    assert (made.repeats, made.n_splits) == (4, 1)
    for number, (train, held_out) in enumerate(pairs):
        assert all(map(np.array_equal, made.rows(number, 0), (np.sort(train), np.sort(held_out))))


def test_folds_that_share_a_few_rows_are_no_repeats():
    fold_N = np.arange(30) % 5
    pairs = [(np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)) for fold in range(5)]
    slip = [*pairs[:3], (np.setdiff1d(pairs[3][0], [2]), np.append(pairs[3][1], 2)), pairs[4]]
    with pytest.raises(DataError, match=r"the others: 1 \('r2'; 'r2' by folds 2, 3\); .* held out: 0") as caught:
        given_folds(slip, ids_N=np.array([f"r{row}" for row in range(30)]))
    assert "cv.overlap=repeats" in str(caught.value)
    less = [(np.append(pairs[0][0], 0), pairs[0][1][1:]), *pairs[1:]]
    for repeats in (pairs + slip, pairs + less):
        with pytest.raises(DataError, match="more or less often"):
            given_folds(repeats)
    assert given_folds(pairs + pairs).repeats == 2
    asked = given_folds(slip, options=SplitOptions(overlap="repeats"))
    assert (asked.repeats, asked.n_splits) == (5, 1)
    with pytest.raises(ConfigError, match=r"cv\.overlap has no effect with cv=kfold"):
        plan(TARGET, "kfold", options=SplitOptions(overlap="repeats"))


def test_classes_that_are_held_out_and_never_trained_on():
    target = np.array([0, 1, 0, 1, 2, 2, 0, 2])
    pairs = [(np.arange(4), np.arange(4, 8))]
    with pytest.raises(DataError, match=r"fold 0: 3 of 4 rows held out .* trained on has \('c'\)"):
        given_folds(pairs, target=target, classes=("a", "b", "c"))
    target = np.array([0, 1, 0, 1, 1, 2, 0, 1])
    few = given_folds([(np.arange(5), np.arange(5, 8))], target=target, classes=("a", "b", "c"))
    assert "fold 0 holds out classes that it never trains on ('c')" in few.notes


def test_the_folds_themselves_are_in_the_fingerprint():
    changed = NUMBERS.copy()
    changed[0] = (changed[0] + 1) % 4
    assert given_folds(NUMBERS).fingerprint == given_folds(NUMBERS.copy()).fingerprint
    assert given_folds(NUMBERS).fingerprint != given_folds(changed).fingerprint
    pair = (np.arange(10), np.arange(20, 30))
    less = (np.arange(9), np.arange(20, 30))
    assert given_folds([pair]).fingerprint != given_folds([less]).fingerprint


def test_groups_on_both_sides_of_given_folds_are_refused():
    groups = np.array([f"g{number}" for number in NUMBERS])
    assert given_folds(NUMBERS, groups_N=groups).n_splits == 4
    groups[np.flatnonzero(NUMBERS == 1)[0]] = "g2"
    with pytest.raises(DataError, match="group 'g2' is on both sides"):
        given_folds(NUMBERS, groups_N=groups)


@pytest.mark.parametrize(
    ("predefined", "message"),
    [
        (NUMBERS[:-1], "29 fold numbers for 30 rows: they are of other data"),
        (np.full(30, -1), "every row is -1"),
        (np.stack([NUMBERS, np.zeros(30, dtype=int)]), r"have \[4, 1\] folds"),
        (np.zeros(30, dtype=int), "fold 0 has no row to train on"),
        ([], "there are none"),
        ([(np.arange(5), np.array([30]))], "held-out row 30: the data has rows 0..29"),
        ([(np.array([-1, 3]), np.array([2]))], "train row -1"),
        ([(np.arange(5), np.array([4, 7]))], "both trained on and held out: 1 of the rows, such as row 4"),
        ([(np.arange(5), np.array([7, 7]))], "listed twice among its held-out rows"),
        ([(np.arange(5), np.array([], dtype=int))], "fold 0 has no row to hold out"),
    ],
)
def test_folds_that_do_not_fit_are_refused(predefined, message):
    with pytest.raises(DataError, match=message):
        given_folds(predefined)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predefined": None}, r"set data\.split=COLUMN or cv\.path=FILE"),
        ({"strategy": "kfold"}, "folds are given but cv=kfold"),
        ({"repeats": 2}, r"cv\.repeats=2"),
        ({"shuffle": True}, r"cv\.shuffle=false"),
    ],
)
def test_settings_that_do_not_fit_given_folds_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        given_folds(**{"predefined": NUMBERS, **changes})


def test_cells_with_numbers():
    assert from_cells(["0", " 1 ", "", "-1", "2.0"], "f").tolist() == [0, 1, -1, -1, 2]


def test_cells_with_words():
    ((train, held_out),) = from_cells(["train", "Test", "TRAIN ", "test"], "f")
    assert (train.tolist(), held_out.tolist()) == ([0, 2], [1, 3])
    ((train, held_out),) = from_cells(["train", "dev", "train", "dev"], "f")
    assert (train.tolist(), held_out.tolist()) == ([0, 2], [1, 3])


@pytest.mark.parametrize(
    "words",
    [("训练", "测试"), ("训练集", "验证集"), ("Training", "PublicTest"), ("train", "eval"), ("Train_", "test set")],
)
def test_cells_with_the_words_of_others(words):
    ((train, held_out),) = from_cells([*words, *words], "f")
    assert (train.tolist(), held_out.tolist()) == ([0, 2], [1, 3])


def test_rows_that_are_out_are_used_nowhere():
    made = given_folds(from_cells(["0", "1", "out"] * 9 + ["-1", "0", "1"], "f"))
    trained, held_out = made.rows(0, 0)
    assert held_out.tolist() == [*range(0, 27, 3), 28]
    assert trained.tolist() == [*range(1, 27, 3), 27, 29]
    assert "9 of 30 rows are used in no fold" in made.notes


def test_rows_of_a_third_word_are_used_nowhere():
    cells = ["train"] * 15 + ["dev"] * 5 + ["test"] * 10
    made = given_folds(from_cells(cells, "f"))
    assert [rows.tolist() for rows in made.rows(0, 0)] == [list(range(15)), list(range(20, 30))]
    assert made.notes[-1] == "5 of 30 rows are used in no fold"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0", "1", "one"], "f: 'one' in row 3 is no fold"),
        (["0.5"], "'0.5' in row 1"),
        (["nan"], "'nan' in row 1"),
        (["1e400"], "'1e400' in row 1"),
        (["train", "tset"], "f: unknown word 'tset'"),
        (["train", ""], "f: unknown word ''"),
        (["0.0", "", "1.0", ""], r"f: 2 of 4 rows have no fold \(rows 2, 4\), as a merge leaves them"),
        (["train", "train"], "f: train, and no test rows"),
    ],
)
def test_cells_that_say_no_fold(cells, message):
    with pytest.raises(DataError, match=message):
        from_cells(cells, "f")


def test_multilabel_rows_can_have_given_folds():
    assert given_folds(NUMBERS, target=labels(30)).n_splits == 4


@pytest.mark.parametrize(
    ("numbers", "note"),
    [
        ([1, 2, 3, 4], "given folds 1, 2, 3, 4 are called 0, 1, 2, 3 here"),
        ([0, 2, 5, -1], "given folds 0, 2, 5 are called 0, 1, 2 here"),
        ([0, 1, 2, -1], None),
    ],
)
def test_other_numbers_of_folds_are_told(numbers, note):
    notes = plan(np.arange(20) % 2, "predefined", shuffle=False, predefined=np.repeat(numbers, 5)).notes
    assert [one for one in notes if one.startswith("given folds ") and "called" in one] == ([note] if note else [])
