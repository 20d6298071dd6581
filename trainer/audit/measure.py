"""What a leak is worth: quick scikit-learn probes under the split as it is, and under an honest one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.checks.sides import known_times
from trainer.audit.checks.unused_columns import group_columns, named_columns, split_columns
from trainer.audit.clusters import duplicate_groups, with_groups
from trainer.audit.duplicate_rows import number
from trainer.audit.findings import Finding, count
from trainer.audit.honest import Honest, folds_of, held_out_rows, honest_ways
from trainer.audit.probes import metric, probe_predictions, probes
from trainer.audit.split import Side, Split, TrainRows
from trainer.data.columns.roles import setting
from trainer.data.samples import Arrays, DataSpec, Items, Samples, TableColumns
from trainer.tasks import Target, of_target
from trainer.wording.lists import first_few

RANDOM_FOLDS = 5
MOST_ROWS = 20_000
MOST_COLUMNS = 3  # measured by, of those that look like a group or a split; the audit names all


@dataclass(frozen=True)
class Gap:
    """One probe's score with and without what the split lets through.

    Attributes:
        probe: which model.
        metric: accuracy, or F1 (micro) for multi-label rows.
        split: what was measured first: this split (or a fold of it), or random folds where none was given.
        given: the score under it.
        honest: the score without the leak; None where there is none.
        how: what makes the second score honest.
        n_given: held-out rows of the first score.
        n_honest: held-out rows of the second.
        if_so: what has to be true for the second score to be the honest one; empty where it is known.
    """

    probe: str
    metric: str
    split: str
    given: float
    honest: float | None
    how: str
    n_given: int
    n_honest: int
    if_so: str = ""

    def to_finding(self) -> Finding:
        """Return the gap as a line of the audit."""
        said = f"{self.probe}: {self.metric} {self.given:.3f} under {self.split} ({count(self.n_given, 'row')})"
        if self.honest is None:
            said += f"; {self.how}."
        else:
            said += f", {self.honest:.3f} {self.how} ({count(self.n_honest, 'row')}): {self._worth()}."
        return Finding("gap", "note", said, n_rows=self.n_given)

    def _worth(self) -> str:
        worth = self.given - (self.honest or 0.0)
        if not self.if_so:
            return f"the leak is worth {worth:+.3f}"
        if worth > 0:
            return f"if {self.if_so}, the first is too good by {worth:.3f}"
        return f"even if {self.if_so}, the first is not too good ({worth:+.3f})"


def measure(
    samples: Samples,
    spec: DataSpec,
    fold_of_row: NDArray[np.int64] | None,
    *,
    train_rows: TrainRows | None = None,
    fold_names: Sequence[str] | None = None,
    times_N: NDArray[Any] | None = None,
    seed: int = 0,
    most_rows: int = MOST_ROWS,
) -> list[Gap]:
    """Score quick probes under the split, and under an honest one.

    Groups on both sides: where every row is held out once the rows are split again by group, otherwise the training
    rows of held-out groups are left out. Else, copies on both sides: the same predictions, scored without the copies.
    Time that goes backwards: with earlier rows only in training. Columns that tell the label: without them. Columns
    that look like a group or a split, features or read by nothing: under folds by each, without it.

    Args:
        samples: the rows; of more than ``most_rows`` some are drawn, groups and copies as a whole unless they are too
            large for that.
        spec: what they mean.
        fold_of_row: as for ``audit``, the first repeat is used; None = five random folds.
        train_rows: as for ``audit``.
        fold_names: as for ``audit``.
        times_N: as for ``audit``.
        seed: of the random folds and the draw.
        most_rows: rows looked at.

    Returns:
        One gap per probe and kind of leak; where some rows are never held out (a test set), one per probe and fold.
        None of arrays and items: there is no quick probe that would fit all of them (see ``not_measured``).
    """
    if isinstance(samples.inputs, Arrays | Items):
        return []
    if fold_of_row is None:
        n_splits = min(RANDOM_FOLDS, len(samples))
        name, split = f"{n_splits} random folds", Split(_random_folds(samples.target, n_splits, seed))
    else:
        name, split = "this split", Split(np.atleast_2d(fold_of_row)[:1], train_rows, fold_names)
    copies_N = number(duplicate_groups(replace(samples, groups_N=None), near=True).tolist())
    together_N = copies_N if samples.groups_N is None else with_groups(copies_N, samples.groups_N)
    step_N = None if times_N is None else _steps(times_N)
    looking_like = _looking_like(samples)
    rows = _drawn(together_N, most_rows, seed)
    samples, copies_N, together_N = (
        samples.only(np.isin(np.arange(len(samples)), rows)),
        copies_N[rows],
        together_N[rows],
    )
    step_N = None if step_N is None else step_N[rows]
    sides = [Side(side.name, side.train_N[rows], side.held_N[rows]) for side in split.sides()]
    sides = [side for side in sides if side.train_N.any() and side.held_N.any()]
    one_score = held_out_rows(sides, len(rows)).all()
    gaps = []
    for together in [sides] if one_score else [[side] for side in sides]:
        ways = honest_ways(
            samples, together, copies_N=copies_N, together_N=together_N, step_N=step_N, seed=seed, **looking_like
        )
        said = name if one_score else f"this split, fold {together[0].name}"
        for place in range(len(probes(samples, spec))):
            gaps += _gaps(samples, spec, place, said, together, ways)
    return gaps


def _gaps(samples: Samples, spec: DataSpec, place: int, split: str, sides: list[Side], ways: list[Honest]) -> list[Gap]:
    """Score the probe in that place under the split and in every honest way."""
    name, score = metric(spec)
    probe, held_N = probes(samples, spec)[place], held_out_rows(sides, len(samples))
    predicted = probe_predictions(samples, probe, sides)
    given, gaps = score(samples.target[held_N], predicted[held_N]), []
    for way in ways:
        worth = None
        if way.scored_N.any():
            fair = predicted if way.sides is None else _predicted_so(samples, spec, place, way)
            worth = score(samples.target[way.scored_N], fair[way.scored_N])
        n_rows = int(held_N.sum()), int(way.scored_N.sum())
        gaps.append(Gap(probe.name, name, split, given, worth, way.how, *n_rows, way.if_so))
    return gaps


def _looking_like(samples: Samples) -> dict[str, list[str]]:
    """Return the columns that look like a group and like a split, the first few of each."""
    table = named_columns(samples)
    groups, splits = (list(names(samples, table)) for names in (group_columns, split_columns))
    return {"group_columns": groups[:MOST_COLUMNS], "split_columns": splits[:MOST_COLUMNS]}


def not_measured(samples: Samples) -> list[Finding]:
    """Return what ``measure`` leaves out, one note each, with the option by which it is measured."""
    if isinstance(samples.inputs, Arrays | Items):
        return [Finding("not_measured", "note", "Not measured: no quick probe fits all arrays and items.")]
    table, notes = named_columns(samples), []
    for names, role in ((group_columns, "group"), (split_columns, "split")):
        left_out = list(names(samples, table))[MOST_COLUMNS:]
        if left_out:
            named = first_few(left_out)
            said = f"Not measured: {named}; of the columns that look like a {role} the first {MOST_COLUMNS} are."
            notes.append(Finding("not_measured", "note", said, fix=setting(f"data.{role}", left_out[0])))
    return notes


def _predicted_so(samples: Samples, spec: DataSpec, place: int, way: Honest) -> NDArray[np.int64]:
    assert way.sides is not None
    table = samples.inputs
    if way.drop and isinstance(table, TableColumns):
        samples = replace(samples, inputs=table.without(way.drop))
    return probe_predictions(samples, probes(samples, spec)[place], way.sides)


def _steps(times_N: NDArray[Any]) -> NDArray[np.int64]:
    """Return (N,) the place of each row's time among the different times, -1 = unknown."""
    known_N, step_N = known_times(times_N), np.full(len(times_N), -1, dtype=np.int64)
    step_N[known_N] = np.unique(times_N[known_N], return_inverse=True)[1]
    return step_N


def _random_folds(target: Target, n_splits: int, seed: int) -> NDArray[np.int64]:
    """Return (1, N) stratified folds; plain ones where a class is too rare, or rows have several labels."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if n_splits < 2:
        return np.full((1, len(target)), -1, dtype=np.int64)
    task = of_target(target)
    stratify = (
        task.has_classes and not task.several_labels and np.unique(target, return_counts=True)[1].min() >= RANDOM_FOLDS
    )
    splitter = (StratifiedKFold if stratify else KFold)(n_splits, shuffle=True, random_state=seed)
    return folds_of(splitter.split(target, target), len(target))


def _drawn(together_N: NDArray[np.int64], most_rows: int, seed: int) -> NDArray[np.int64]:
    """Return the rows looked at, ascending: whole clusters that fit; where they fill less than half, any rows."""
    if len(together_N) <= most_rows:
        return np.arange(len(together_N))
    random = np.random.default_rng(seed)
    sizes = np.bincount(together_N)
    drawn, room = np.zeros(len(sizes), dtype=bool), most_rows
    for cluster in random.permutation(len(sizes)).tolist():
        if sizes[cluster] <= room:
            drawn[cluster] = True
            room -= sizes[cluster]
        if not room:
            break
    if 2 * room <= most_rows:
        return np.flatnonzero(drawn[together_N])
    return np.sort(random.choice(len(together_N), most_rows, replace=False))
