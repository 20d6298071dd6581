"""Each class on both sides of a slice: against every possible choice of groups, and unchanged where nothing lacks."""

from itertools import chain, combinations

import numpy as np
import pytest

from trainer.folds.both_sides import every_class_on_both_sides


def missing(target, sides, unit_N):
    """Count, from its definition, what is absent on a side though two units have it."""
    columns = [target == c for c in np.unique(target)] if target.ndim == 1 else [*(target.T == 1), *(target.T == 0)]
    dealt = [column for column in columns if len(np.unique(unit_N[column])) > 1]
    return sum(not column[side].any() for column in dealt for side in sides)


def made(random, n, labels):
    if labels:
        return (random.random((n, 3)) < [0.05, 0.3, 0.9]).astype(np.int64)
    return random.choice(4, n, p=[0.8, 0.12, 0.05, 0.03])


@pytest.mark.parametrize("labels", [False, True])
def test_no_choice_of_groups_would_leave_fewer_classes_out(labels):
    random, repaired = np.random.default_rng(0), 0
    for seed in range(60):
        unit_N = random.integers(0, 7, 25)
        target, units = made(random, 25, labels), np.unique(unit_N)
        slices = chain.from_iterable(combinations(units, k) for k in range(1, len(units)))
        fewest = min(missing(target, (m, ~m), unit_N) for m in (np.isin(unit_N, s) for s in slices))
        drawn_N = np.isin(unit_N, random.choice(units, 2, replace=False))
        drawn = np.flatnonzero(~drawn_N), np.flatnonzero(drawn_N)
        pair = every_class_on_both_sides(drawn, target, seed, groups_N=unit_N.astype(np.str_))
        assert missing(target, pair, unit_N) == fewest
        assert np.array_equal(np.sort(np.concatenate(pair)), np.arange(25))
        assert not set(unit_N[pair[0]]) & set(unit_N[pair[1]])
        repaired += missing(target, drawn, unit_N) > fewest
    assert repaired > 10


@pytest.mark.parametrize("labels", [False, True])
def test_rows_change_sides_and_the_slice_keeps_its_size(labels):
    random, repaired = np.random.default_rng(1), 0
    for seed in range(60):
        target, row_N = made(random, 60, labels), np.arange(60)
        inner = np.sort(random.choice(60, 6, replace=False))
        drawn = np.delete(row_N, inner), inner
        pair = every_class_on_both_sides(drawn, target, seed)
        assert missing(target, pair, row_N) == 0
        assert len(pair[1]) == 6
        assert all((np.diff(side) > 0).all() for side in pair)
        again = every_class_on_both_sides(drawn, target, seed)
        assert np.array_equal(pair[1], again[1])
        repaired += missing(target, drawn, row_N) > 0
    assert repaired > 10


def test_a_slice_that_has_every_class_stays_as_it_was_drawn():
    target = np.arange(40) % 4
    drawn = np.arange(4, 40), np.arange(4)
    assert every_class_on_both_sides(drawn, target, 0) is drawn
    lone = np.append(target, 4)  # of a single row: it cannot be on both sides
    drawn = np.arange(4, 41), np.arange(4)
    assert every_class_on_both_sides(drawn, lone, 0) is drawn
