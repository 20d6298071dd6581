"""Honest ways to score a split that lets something through: one for each kind of leak it has."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.audit.checks.features import label_columns
from trainer.audit.checks.unused_columns import named_columns
from trainer.audit.clusters import with_groups
from trainer.audit.duplicate_rows import number
from trainer.audit.split import Side, Split, crossing
from trainer.audit.split_column import read_split
from trainer.data.samples import Samples, TableColumns
from trainer.errors import DataError
from trainer.folds.request import SplitRequest
from trainer.folds.strategies.time import split as split_by_time
from trainer.tasks import Target, of_target

NO_GROUP = "no copy lies on both sides; no group was given"


@dataclass(frozen=True)
class Honest:
    """An honest way to score.

    Attributes:
        how: in words.
        sides: folds to fit on, or None for the same predictions.
        scored_N: the rows to score; none where there is nothing to leave out.
        drop: columns that the models do not see.
        if_so: what has to be true for the way to be honest; empty where it is known.
    """

    how: str
    sides: list[Side] | None
    scored_N: NDArray[np.bool_]
    drop: tuple[str, ...] = ()
    if_so: str = ""


def honest_ways(
    samples: Samples,
    sides: list[Side],
    *,
    copies_N: NDArray[np.int64],
    together_N: NDArray[np.int64],
    step_N: NDArray[np.int64] | None,
    seed: int,
    group_columns: Sequence[str] = (),
    split_columns: Sequence[str] = (),
) -> list[Honest]:
    """Return how to score without what the sides let through, and without what the columns do.

    Args:
        samples: the rows.
        sides: the folds that are scored together.
        copies_N: (N,) numbers that copies share.
        together_N: (N,) numbers that copies and groups share.
        step_N: (N,) the place of the row's time, -1 = unknown; None = the rows have no time.
        seed: of new folds.
        group_columns: columns that look like a group: features or, of texts and images, such as nothing reads.
        split_columns: likewise, columns that look like a split.

    Returns:
        At least one way; where nothing is let through it has no rows to score.
    """
    found = [
        _without_groups(samples, together_N, sides, seed) or _without_copies(copies_N, sides),
        None if step_N is None else _forwards(step_N, sides),
    ]
    groups: list[str] = []
    if isinstance(samples.inputs, TableColumns):
        columns, groups = label_columns(samples.inputs, samples.target)
        found += [_without_columns(samples.inputs, columns, sides)] if columns else []
        found += [_without_group_column(samples, name, together_N, sides, seed) for name in groups]
    for name in group_columns:
        if name not in groups:
            way = _without_group_column(samples, name, together_N, sides, seed)
            found.append(way and replace(way, if_so=f"'{name}' is a group"))
    found += [_by_split_column(samples, name) for name in split_columns]
    ways = [way for way in found if way is not None]
    nobody_N = np.zeros(len(samples), dtype=bool)
    grouped = "no group or copy lies on both sides" if samples.groups_N is not None else NO_GROUP
    return ways or [Honest(grouped, None, nobody_N)]


def _without_groups(samples: Samples, together_N: NDArray[np.int64], sides: list[Side], seed: int) -> Honest | None:
    """Keep groups, and the copies in them, on one side; None where the split does."""
    if samples.groups_N is None or crossing(sides, number(samples.groups_N.tolist())).pair is None:
        return None
    held_N = held_out_rows(sides, len(samples))
    if held_N.all() and len(np.unique(together_N)) >= len(sides) > 1:
        folds = _group_folds(samples.target, together_N, len(sides), seed)
        return Honest("with groups kept together", list(Split(folds).sides()), held_N)
    purged = [replace(side, train_N=side.train_N & ~np.isin(together_N, together_N[side.held_N])) for side in sides]
    purged = [side for side in purged if side.train_N.any()]
    how = "without the training rows of held-out groups" if purged else "no training row is of another group"
    return Honest(how, purged, held_out_rows(purged, len(samples)))


def _without_copies(copies_N: NDArray[np.int64], sides: list[Side]) -> Honest | None:
    """Leave out held-out rows that have a copy among their training rows; None where none has."""
    copied = crossing(sides, copies_N).rows
    if not len(copied):
        return None
    scored_N = held_out_rows(sides, len(copies_N))
    scored_N[copied] = False
    how = "in rows without a copy in training" if scored_N.any() else "every held-out row has a copy in training"
    return Honest(how, None, scored_N)


def _forwards(step_N: NDArray[np.int64], sides: list[Side]) -> Honest | None:
    """Train only on rows from before the held-out ones; None where the split does."""
    if not any((step_N[side.held_N & (step_N >= 0)] < step_N[side.train_N].max()).any() for side in sides):
        return None
    if held_out_rows(sides, len(step_N)).all():
        return _by_time(step_N, max(2, len(sides)))
    before = []
    for side in sides:
        held_N = side.held_N & (step_N >= 0)
        train_N = side.train_N & (step_N >= 0) & (step_N < step_N[held_N].min(initial=len(step_N)))
        before += [replace(side, train_N=train_N, held_N=held_N)] if train_N.any() and held_N.any() else []
    how = "with only earlier rows in training" if before else "no training row is from before the held-out ones"
    return Honest(how, before, held_out_rows(before, len(step_N)))


def _by_time(step_N: NDArray[np.int64], n_splits: int) -> Honest:
    """Split again by time, as ``cv=time`` does."""
    rows = np.flatnonzero(step_N >= 0)
    request = SplitRequest(np.zeros(len(rows), dtype=np.int64), n_splits, shuffle=False, times_N=step_N[rows])
    sides = []
    try:
        for fold, (train, held_out) in enumerate(split_by_time(request)):
            train_N, held_N = np.zeros((2, len(step_N)), dtype=bool)
            train_N[rows[train]], held_N[rows[held_out]] = True, True
            sides.append(Side(str(fold), train_N, held_N))
    except DataError:
        return Honest("too few different times to split by time", [], np.zeros(len(step_N), dtype=bool))
    return Honest("split by time", sides, held_out_rows(sides, len(step_N)))


def _without_columns(table: TableColumns, columns: list[str], sides: list[Side]) -> Honest:
    n_rows, named = len(table.numeric_NF), ", ".join(f"'{name}'" for name in columns)
    if len(columns) == len(table.numeric) + len(table.categorical):
        return Honest(f"there is no column besides {named}", None, np.zeros(n_rows, dtype=bool), tuple(columns))
    return Honest(f"without column {named}", sides, held_out_rows(sides, n_rows), tuple(columns))


def _without_group_column(
    samples: Samples, name: str, together_N: NDArray[np.int64], sides: list[Side], seed: int
) -> Honest | None:
    """Take a column that looks like a group for one; None where the split keeps it together, or it is all there is."""
    if _is_all(samples, name):
        return None
    words_N = _words(named_columns(samples), name)
    way = _without_groups(replace(samples, groups_N=words_N), with_groups(together_N, words_N), sides, seed)
    return None if way is None else replace(way, how=f"{way.how} (by '{name}')", drop=(name,))


def _by_split_column(samples: Samples, name: str) -> Honest | None:
    """Take a column that looks like a split for one; None where it is all there is, or has one part only."""
    if _is_all(samples, name):
        return None
    try:
        parts = read_split(pa.table({name: _words(named_columns(samples), name)}), name, "the data")
    except DataError:
        return None
    assert parts.fold_of_row is not None
    sides = [side for side in Split(parts.fold_of_row, parts.train_rows, parts.names).sides() if side.train_N.any()]
    if not sides:
        return None
    how = f"under the split of column '{name}'"
    return Honest(how, sides, held_out_rows(sides, len(samples)), (name,), f"'{name}' is the split")


def _is_all(samples: Samples, name: str) -> bool:
    """Return whether there is nothing to learn from besides a column."""
    table = samples.inputs
    return isinstance(table, TableColumns) and (*table.numeric, *table.categorical) == (name,)


def _words(table: TableColumns, name: str) -> NDArray[np.str_]:
    """Return (N,) the cells of a column as words, whole numbers without a point."""
    if name in table.categorical:
        return np.array([str(word) for word in table.categorical_NK[:, table.categorical.index(name)]])
    return np.array([f"{cell:.17g}" for cell in table.numeric_NF[:, table.numeric.index(name)].tolist()])


def held_out_rows(sides: Sequence[Side], n_rows: int) -> NDArray[np.bool_]:
    """Return (n_rows,) whether a fold holds the row out."""
    held_N = np.zeros(n_rows, dtype=bool)
    for side in sides:
        held_N |= side.held_N
    return held_N


def _group_folds(target: Target, together_N: NDArray[np.int64], n_splits: int, seed: int) -> NDArray[np.int64]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    kind = StratifiedGroupKFold if of_target(target).one_class_each else GroupKFold
    splitter = kind(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of a class with fewer rows than folds
        warnings.simplefilter("ignore")
        return folds_of(splitter.split(target, target, together_N), len(target))


def folds_of(splits: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], n_rows: int) -> NDArray[np.int64]:
    """Return (1, N) the fold that holds each row out, -1 = none."""
    fold_of_row = np.full((1, n_rows), -1, dtype=np.int64)
    for fold, (_, held_out) in enumerate(splits):
        fold_of_row[0, held_out] = fold
    return fold_of_row
