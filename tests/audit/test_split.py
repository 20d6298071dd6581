import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.audit_cases import folds
from trainer.audit.split import Split, crossing, folds_said


def test_sides_of_a_k_fold() -> None:
    sides = list(Split(folds(0, 1, 0, 2)).sides())
    assert [side.name for side in sides] == ["0", "1", "2"]
    assert sides[0].held_N.tolist() == [True, False, True, False]
    assert all((side.train_N == ~side.held_N).all() for side in sides)


def test_rows_never_held_out_are_trained_on() -> None:
    (side,) = Split(folds(-1, -1, 0)).sides()
    assert side.train_N.tolist() == [True, True, False]
    assert Split(folds(-1, -1, 0)).n_held_out == 1


def test_training_rows_and_names_as_told() -> None:
    split = Split(folds(-1, 0, 1, 1), lambda repeat, fold: np.array([0]), ("dev", "test"))
    assert [(side.name, side.train_N.tolist()) for side in split.sides()] == [
        ("dev", [True, False, False, False]),
        ("test", [True, False, False, False]),
    ]


def test_repeats_are_named() -> None:
    split = Split(np.array([[0, 1], [1, 0]]))
    assert [side.name for side in split.sides()] == ["r0 f0", "r0 f1", "r1 f0", "r1 f1"]


@given(st.data())
def test_crossing_is_what_all_pairs_say(data) -> None:
    n_rows = data.draw(st.integers(1, 12))
    codes = data.draw(st.lists(st.integers(0, 5), min_size=n_rows, max_size=n_rows))
    fold_of_row = np.array(
        data.draw(st.lists(st.lists(st.integers(-1, 2), min_size=n_rows, max_size=n_rows), min_size=1, max_size=2))
    )
    expected = {
        row
        for fold_N in fold_of_row
        for row in range(n_rows)
        for other in range(n_rows)
        if fold_N[row] >= 0 and fold_N[other] != fold_N[row] and codes[row] == codes[other]
    }
    found = crossing(Split(fold_of_row).sides(), np.array(codes))
    assert set(found.rows.tolist()) == expected
    assert (found.pair is None) == (not expected)
    if found.pair is not None:
        held_out, trained_on = found.pair
        assert codes[held_out] == codes[trained_on]
        assert any(fold_N[held_out] != fold_N[trained_on] and fold_N[held_out] >= 0 for fold_N in fold_of_row)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"test": (335, 1200)}, "fold test: 335 of 1,200"),
        ({"0": (1, 30), "4": (2, 30)}, "fold 0: 1 of 30, fold 4: 2 of 30"),
        ({"0": (1, 9), "1": (4, 9), "2": (2, 9)}, "3 folds, most in fold 1: 4 of 9"),
    ],
)
def test_where_it_happens(where, said: str) -> None:
    assert folds_said(where) == said
