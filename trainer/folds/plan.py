"""Which row is held out when: made once, written to folds.json, and known by its fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.config.errors import ConfigError, DataError

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class FoldPlan:
    """A split of all rows into folds.

    Attributes:
        strategy: how the rows were split.
        n_splits: folds per repeat.
        repeats: how often the rows were split anew.
        random_state: of the first repeat; repeat r uses ``random_state + r``.
        fold_of_row: (repeats, N) the fold that holds the row out.
        fingerprint: sha256 of ids, labels, groups, strategy, k and seed.
        notes: what was decided about the split.
    """

    strategy: str
    n_splits: int
    repeats: int
    random_state: int
    fold_of_row: NDArray[np.int64]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def rows(self, repeat: int, fold: int) -> tuple[RowNumbers, RowNumbers]:
        """Return (training, held-out) row numbers, ascending."""
        held_out = self.fold_of_row[repeat] == fold
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def to_json(self) -> str:
        """Return the text of folds.json."""
        return json.dumps({**asdict(self), "fold_of_row": self.fold_of_row.tolist()}) + "\n"


def read_plan(path: Path) -> FoldPlan:
    """Read a folds.json."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["fold_of_row"] = np.asarray(fields["fold_of_row"], dtype=np.int64)
    return FoldPlan(**{**fields, "notes": tuple(fields["notes"])})


def make_folds(
    strategy: str,
    target: NDArray[np.int64],
    *,
    ids_N: NDArray[np.str_],
    groups_N: NDArray[np.str_] | None,
    classes: tuple[str, ...],
    n_splits: int,
    repeats: int,
    shuffle: bool,
    random_state: int,
) -> FoldPlan:
    """Split the rows.

    Args:
        strategy: a module of ``trainer.folds`` with a ``split`` function; multi-label rows under ``stratified`` are
            split by iterative stratification.
        target: (N,) class index, or (N, L).
        ids_N: identity of each row, for the fingerprint.
        groups_N: group of each row, or None.
        classes: label text per class, for messages.
        n_splits: folds.
        repeats: splits with ``random_state``, ``random_state + 1``, ...
        shuffle: shuffle before splitting.
        random_state: seed of the shuffle; 0 is a seed.

    Raises:
        ConfigError: groups are given and not kept, or wanted and not given.
        DataError: the rows cannot be split so.
    """
    notes: tuple[str, ...] = ()
    if strategy == "stratified" and target.ndim == 2:
        strategy = "multilabel"
        notes = ("multi-label rows: stratified by iterative stratification (cv=multilabel)",)
    module = import_module(f"trainer.folds.{strategy}")
    _require_enough_rows(target, classes, n_splits, strategy)
    _require_groups(strategy, module.KEEPS_GROUPS, target, groups_N, n_splits)
    fold_of_row = np.full((repeats, len(target)), -1, dtype=np.int64)
    for repeat in range(repeats):
        seed = random_state + repeat
        for fold, held_out in enumerate(
            module.split(target, groups_N, n_splits=n_splits, shuffle=shuffle, random_state=seed)
        ):
            fold_of_row[repeat, held_out] = fold
    fingerprint = _fingerprint(ids_N, target, groups_N, strategy, n_splits, repeats, shuffle, random_state)
    return FoldPlan(strategy, n_splits, repeats, random_state, fold_of_row, fingerprint, notes)


def _require_enough_rows(target: NDArray[np.int64], classes: tuple[str, ...], n_splits: int, strategy: str) -> None:
    if n_splits > len(target):
        raise DataError(f"cv.n_splits={n_splits} is more than the {len(target)} rows: use fewer folds")
    if strategy != "stratified":
        return
    counts = np.bincount(target, minlength=len(classes))
    rare = [f"class '{classes[c]}': {n} rows < {n_splits} folds" for c, n in enumerate(counts) if n < n_splits]
    if rare:
        shown = rare[:3] + ([f"... and {len(rare) - 3} more classes"] if len(rare) > 3 else [])
        fewer = f"use cv.n_splits={counts.min()} or less, " if counts.min() > 1 else ""
        raise DataError("\n".join([*shown, f"{fewer}merge or drop the class, or use cv=kfold"]))


def _require_groups(
    strategy: str, keeps_groups: bool, target: NDArray[np.int64], groups_N: NDArray[np.str_] | None, n_splits: int
) -> None:
    if groups_N is not None and not keeps_groups:
        raise ConfigError(
            f"data.group is set but cv={strategy} would put rows of one group on both sides: "
            "use cv=stratified_group or cv=group, or leave data.group out"
        )
    if not keeps_groups:
        return
    if groups_N is None:
        raise ConfigError(f"cv={strategy} needs to know the groups: set data.group=COLUMN")
    if strategy == "stratified_group" and target.ndim == 2:
        raise ConfigError("cv=stratified_group needs one label per row: use cv=group for multi-label rows")
    n_groups = len(np.unique(groups_N))
    if n_groups < n_splits:
        raise DataError(f"{n_groups} groups < {n_splits} folds: use cv.n_splits={n_groups} or less")


def _fingerprint(
    ids_N: NDArray[np.str_], target: NDArray[np.int64], groups_N: NDArray[np.str_] | None, *settings: object
) -> str:
    digest = hashlib.sha256(json.dumps(settings).encode())
    for values in (ids_N, target, groups_N):
        digest.update(json.dumps(None if values is None else values.tolist()).encode())
    return digest.hexdigest()
