"""What a leak is worth: quick scikit-learn probes under the split as it is, and under an honest one."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.audit.clusters import duplicate_groups, with_groups
from trainer.audit.copies import number
from trainer.audit.findings import Finding, count
from trainer.audit.probes import Probe, metric, predict, probes
from trainer.audit.split import Side, Split, TrainRows, crossing
from trainer.data.samples import DataSpec, Inputs, Samples, TableColumns, Texts

RANDOM_FOLDS = 5
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Gap:
    """One probe's score with and without what the split lets through.

    Attributes:
        probe: which model.
        metric: accuracy, or F1 (micro) for multi-label rows.
        split: what was measured first: this split (or a fold of it), or random folds where none was given.
        given: the score under it.
        honest: the score without the leak; None where nothing lies on both sides.
        how: what makes the second score honest.
        n_given: held-out rows of the first score.
        n_honest: held-out rows of the second.
    """

    probe: str
    metric: str
    split: str
    given: float
    honest: float | None
    how: str
    n_given: int
    n_honest: int

    def to_finding(self) -> Finding:
        """Return the gap as a line of the audit."""
        said = f"{self.probe}: {self.metric} {self.given:.3f} under {self.split} ({count(self.n_given, 'row')})"
        if self.honest is None:
            said += f"; {self.how}."
        else:
            said += (
                f", {self.honest:.3f} {self.how} ({count(self.n_honest, 'row')}): "
                f"the leak is worth {self.given - self.honest:+.3f}."
            )
        return Finding("gap", "note", said, n_rows=self.n_given)


def measure(
    samples: Samples,
    spec: DataSpec,
    fold_of_row: NDArray[np.int64] | None,
    *,
    train_rows: TrainRows | None = None,
    fold_names: Sequence[str] | None = None,
    seed: int = 0,
    most_rows: int = MOST_ROWS,
) -> list[Gap]:
    """Score quick probes under the split, and under an honest one.

    Groups on both sides: where every row is held out once the rows are split anew by group, otherwise the training
    rows of held-out groups are left out. Else, copies on both sides: the same predictions, scored without the copies.

    Args:
        samples: the rows; of more than ``most_rows`` some are drawn, groups and copies as a whole.
        spec: what they mean.
        fold_of_row: as for ``audit``, the first repeat is used; None = five random folds.
        train_rows: as for ``audit``.
        fold_names: as for ``audit``.
        seed: of the random folds and the draw.
        most_rows: rows looked at.

    Returns:
        One gap per probe; where some rows are never held out (a test set), one per probe and fold.
    """
    if fold_of_row is None:
        name, split = f"{RANDOM_FOLDS} random folds", Split(_random_folds(samples.target, seed))
    else:
        name, split = "this split", Split(np.atleast_2d(fold_of_row)[:1], train_rows, fold_names)
    copies_N = number(duplicate_groups(replace(samples, groups_N=None), near=True).tolist())
    together_N = copies_N if samples.groups_N is None else with_groups(copies_N, samples.groups_N)
    rows = _drawn(together_N, most_rows, seed)
    samples, copies_N, together_N = _taken(samples, rows), copies_N[rows], together_N[rows]
    sides = [Side(side.name, side.train_N[rows], side.held_N[rows]) for side in split.sides()]
    sides = [side for side in sides if side.train_N.any() and side.held_N.any()]
    one_score = _held_out(sides, len(rows)).all()
    gaps = []
    for together in [sides] if one_score else [[side] for side in sides]:
        honest = _without_groups(samples, together_N, together, seed) or _without_copies(copies_N, together)
        said = name if one_score else f"this split, fold {together[0].name}"
        gaps += [_gap(samples, spec, probe, said, together, honest) for probe in probes(samples, spec)]
    return gaps


@dataclass(frozen=True)
class _Honest:
    """An honest way to score.

    Attributes:
        how: in words.
        sides: folds to fit on, or None for the same predictions.
        scored_N: the rows to score; none where there is nothing to leave out.
    """

    how: str
    sides: list[Side] | None
    scored_N: NDArray[np.bool_]


def _without_groups(samples: Samples, together_N: NDArray[np.int64], sides: list[Side], seed: int) -> _Honest | None:
    """Keep groups, and the copies in them, on one side; None where the split does."""
    if samples.groups_N is None or crossing(sides, number(samples.groups_N.tolist())).pair is None:
        return None
    held_N = _held_out(sides, len(samples))
    if held_N.all() and len(np.unique(together_N)) >= len(sides) > 1:
        folds = _group_folds(samples.target, together_N, len(sides), seed)
        return _Honest("with groups kept together", list(Split(folds).sides()), held_N)
    purged = [replace(side, train_N=side.train_N & ~np.isin(together_N, together_N[side.held_N])) for side in sides]
    purged = [side for side in purged if side.train_N.any()]
    how = "without the training rows of held-out groups" if purged else "no training row is of another group"
    return _Honest(how, purged, _held_out(purged, len(samples)))


def _without_copies(copies_N: NDArray[np.int64], sides: list[Side]) -> _Honest:
    """Leave out held-out rows that have a copy among their training rows."""
    copied = crossing(sides, copies_N).rows
    if not len(copied):
        return _Honest("nothing lies on both sides", None, np.zeros(len(copies_N), dtype=bool))
    scored_N = _held_out(sides, len(copies_N))
    scored_N[copied] = False
    how = "in rows without a copy in training" if scored_N.any() else "every held-out row has a copy in training"
    return _Honest(how, None, scored_N)


def _gap(samples: Samples, spec: DataSpec, probe: Probe, split: str, sides: list[Side], honest: _Honest) -> Gap:
    name, score = metric(spec)
    predicted, held_N = predict(samples, probe, sides), _held_out(sides, len(samples))
    given = score(samples.target[held_N], predicted[held_N])
    worth = None
    if honest.scored_N.any():
        fair = predicted if honest.sides is None else predict(samples, probe, honest.sides)
        worth = score(samples.target[honest.scored_N], fair[honest.scored_N])
    return Gap(probe.name, name, split, given, worth, honest.how, int(held_N.sum()), int(honest.scored_N.sum()))


def _held_out(sides: Sequence[Side], n_rows: int) -> NDArray[np.bool_]:
    held_N = np.zeros(n_rows, dtype=bool)
    for side in sides:
        held_N |= side.held_N
    return held_N


def _random_folds(target: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return (1, N) stratified folds; plain ones where a class is too rare, or rows have several labels."""
    from sklearn.model_selection import KFold, StratifiedKFold

    stratify = target.ndim == 1 and np.unique(target, return_counts=True)[1].min() >= RANDOM_FOLDS
    splitter = (StratifiedKFold if stratify else KFold)(RANDOM_FOLDS, shuffle=True, random_state=seed)
    return _fold_of_row(splitter.split(target, target), len(target))


def _group_folds(
    target: NDArray[np.int64], together_N: NDArray[np.int64], n_splits: int, seed: int
) -> NDArray[np.int64]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    splitter = (StratifiedGroupKFold if target.ndim == 1 else GroupKFold)(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of a class with fewer rows than folds
        warnings.simplefilter("ignore")
        return _fold_of_row(splitter.split(target, target, together_N), len(target))


def _fold_of_row(splits: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], n_rows: int) -> NDArray[np.int64]:
    fold_of_row = np.full((1, n_rows), -1, dtype=np.int64)
    for fold, (_, held_out) in enumerate(splits):
        fold_of_row[0, held_out] = fold
    return fold_of_row


def _drawn(together_N: NDArray[np.int64], most_rows: int, seed: int) -> NDArray[np.int64]:
    """Return the rows looked at, ascending: whole clusters until there are enough."""
    if len(together_N) <= most_rows:
        return np.arange(len(together_N))
    sizes = np.bincount(together_N)
    order = np.random.default_rng(seed).permutation(len(sizes))
    drawn = np.zeros(len(sizes), dtype=bool)
    drawn[order[np.cumsum(sizes[order]) <= most_rows]] = True
    return np.flatnonzero(drawn[together_N])


def _taken(samples: Samples, rows: NDArray[np.int64]) -> Samples:
    """Return these rows only."""
    inputs: Inputs
    if isinstance(samples.inputs, TableColumns):
        table = samples.inputs
        inputs = replace(table, numeric_NF=table.numeric_NF[rows], categorical_NK=table.categorical_NK[rows])
    else:
        inputs = Texts(tuple(samples.inputs.texts[row] for row in rows))
    groups_N = None if samples.groups_N is None else samples.groups_N[rows]
    return Samples(samples.ids_N[rows], inputs, samples.target[rows], groups_N=groups_N)
