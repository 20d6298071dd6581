"""Each class and label on both sides of a slice: a metric is undefined on rows that lack a class, and cannot pick."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.folds.request import Pair
from trainer.tasks import of_target

_MOST_MOVES = 1000  # beyond it the sides stay as good as they have become


@dataclass(frozen=True)
class _Units:
    """What moves from side to side: rows, or whole groups.

    Attributes:
        has_UC: sparse 0/1, whether a unit has a row of the class (multi-label: with the label, then without it).
        both_C: whether a class is of two units or more, so that it can be on both sides.
        size_U: rows.
    """

    has_UC: Any
    both_C: NDArray[np.bool_]
    size_U: NDArray[np.int64]

    def missing(self, inner_U: NDArray[np.bool_]) -> int:
        """Return how many classes are missing on a side that could be there."""
        held_C = self.has_UC.T @ inner_U.astype(np.int64)
        all_C = self.has_UC.sum(axis=0)
        return int((self.both_C & (held_C == 0)).sum() + (self.both_C & (held_C == all_C)).sum())

    def gains(self, inner_U: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return (U,) by how many fewer classes are missing when a unit changes sides."""
        held_C = self.has_UC.T @ inner_U.astype(np.int64)
        left_C = self.has_UC.sum(axis=0) - held_C
        into_U = self.has_UC @ (self.both_C * ((held_C == 0) * 1 - (left_C == 1)))
        out_U = self.has_UC @ (self.both_C * ((left_C == 0) * 1 - (held_C == 1)))
        return np.asarray(np.where(inner_U, out_U, into_U), dtype=np.int64)


def every_class_on_both_sides(
    pair: Pair, target: NDArray[np.int64], random_state: int, *, groups_N: NDArray[np.str_] | None = None
) -> Pair:
    """Return a slice that has each class on both sides, wherever the rows allow it; unchanged where it has them.

    Rows, or groups, change sides until no class is missing; then others go back until the slice has its size again.

    Args:
        pair: (rest, slice) as row numbers, ascending.
        target: (N,) or (N, L) of all rows; a label counts as two classes, the rows with it and those without.
        random_state: seed of the choice among rows that serve alike.
        groups_N: of all rows; a group stays together. None = each row by itself.
    """
    n_classes = of_target(target).count_classes(target)
    if all(_has_all(target[side], n_classes) for side in pair):
        return pair
    rows = np.sort(np.concatenate(pair))
    unit_M = np.arange(len(rows)) if groups_N is None else np.unique(groups_N[rows], return_inverse=True)[1]
    units = _units(target[rows], unit_M)
    inner_U = np.zeros(len(units.size_U), dtype=bool)
    inner_U[unit_M[np.isin(rows, pair[1])]] = True
    if units.missing(inner_U) == 0:
        return pair
    wanted, order_U = len(pair[1]), np.random.default_rng(random_state).permutation(len(inner_U))
    inner_U = _of_size(units, _complete(units, inner_U, wanted, order_U), wanted, order_U)
    return rows[~inner_U[unit_M]], rows[inner_U[unit_M]]


def _has_all(target: NDArray[np.int64], n_classes: int) -> bool:
    task = of_target(target)
    counts_C = task.class_counts(target, n_classes)
    return bool((counts_C > 0).all() and (not task.several_labels or (counts_C < len(target)).all()))


def _units(target: NDArray[np.int64], unit_M: NDArray[np.int64]) -> _Units:
    from scipy.sparse import csr_array

    if of_target(target).several_labels:
        row, column = np.nonzero(np.hstack([target, 1 - target]))
    else:
        row, column = np.arange(len(target)), target
    shape = (int(unit_M.max()) + 1, int(column.max()) + 1)
    has_UC = csr_array((np.ones(len(row), dtype=np.int64), (unit_M[row], column)), shape=shape)
    has_UC.sum_duplicates()
    has_UC.data[:] = 1
    return _Units(has_UC, has_UC.sum(axis=0) >= 2, np.bincount(unit_M))


def _complete(units: _Units, inner_U: NDArray[np.bool_], wanted: int, order_U: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Move the unit that helps most, each once at most, until no class is missing; return the best sides seen."""
    inner_U, moved_U = inner_U.copy(), np.zeros(len(inner_U), dtype=bool)
    best_U, fewest = inner_U.copy(), units.missing(inner_U)
    for _ in range(min(_MOST_MOVES, len(inner_U))):
        gains_U = np.where(moved_U, np.iinfo(np.int64).min, units.gains(inner_U))
        off_U = _off_after_move(units, inner_U, wanted)
        unit = np.lexsort((order_U, off_U, -gains_U.astype(np.float64)))[0]
        inner_U[unit], moved_U[unit] = ~inner_U[unit], True
        missing = units.missing(inner_U)
        if missing < fewest:
            best_U, fewest = inner_U.copy(), missing
        if missing == 0:
            break
    return best_U


def _of_size(units: _Units, inner_U: NDArray[np.bool_], wanted: int, order_U: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Move units, of the classes there are most of, that bring the slice nearer to its size and lose no class."""
    inner_U = inner_U.copy()
    for _ in range(_MOST_MOVES):
        off = abs(int(units.size_U[inner_U].sum()) - wanted)
        off_U = _off_after_move(units, inner_U, wanted)
        may = np.flatnonzero((off_U < off) & (units.gains(inner_U) >= 0))
        if off == 0 or not len(may):
            break
        share_C = (units.has_UC.T @ inner_U.astype(np.int64)) / np.maximum(units.has_UC.sum(axis=0), 1)
        held_U = (units.has_UC @ share_C) * np.where(inner_U, -1, 1)
        unit = may[np.lexsort((order_U[may], held_U[may], off_U[may]))[0]]
        inner_U[unit] = ~inner_U[unit]
    return inner_U


def _off_after_move(units: _Units, inner_U: NDArray[np.bool_], wanted: int) -> NDArray[np.int64]:
    """Return (U,) by how many rows the slice is off its size when a unit changes sides."""
    after_U = int(units.size_U[inner_U].sum()) + np.where(inner_U, -units.size_U, units.size_U)
    return np.asarray(np.abs(after_U - wanted), dtype=np.int64)
