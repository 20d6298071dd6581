"""Several runs, brought to the same rows and folds, or refused with what differs: to be blended, or compared."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError
from trainer.folds.plan import FoldPlan
from trainer.inference.held_out import Floats, HeldOut, read_held_out
from trainer.run.decided import folds_sha256
from trainer.wording.lists import first_few

FLATTERS = (
    "the runs have different folds: what one of them was trained on is held out by another, so that the score flatters "
    "where their splits keep different rows (such as groups) apart"
)


@dataclass(frozen=True)
class Purpose:
    """What runs are brought together for, as it is said where they do not fit.

    Attributes:
        few: of fewer than two.
        twice: of one that is named twice.
        other_rows: what to do about other rows.
        other_folds: what else than training them again helps against other folds.
    """

    few: str
    twice: str
    other_rows: str
    other_folds: str


BLEND = Purpose(
    few="a blend needs two runs at least: foldwise blend RUN RUN ... --out DIR",
    twice="a run counts once, its weight says how much",
    other_rows="blend runs of the same rows",
    other_folds="add --allow-different-folds: the score then flatters",
)


@dataclass(frozen=True)
class Members:
    """Runs of the same rows.

    Attributes:
        runs: K of them, their rows in the order of the first.
        plan: their folds, those of a blend of them.
        proba_KRNC: what each predicted.
        scores_KRNC: the same as ``log_scores``.
        notes: what a reader of the score must know.
    """

    runs: tuple[HeldOut, ...]
    plan: FoldPlan
    proba_KRNC: Floats
    scores_KRNC: Floats
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> HeldOut:
        """The run whose rows, classes and metrics a blend of them has."""
        return self.runs[0]


def read_members(
    directories: Sequence[Path], *, allow_different_folds: bool = False, purpose: Purpose = BLEND
) -> Members:
    """Read the runs and bring them together.

    Args:
        directories: of two runs at least.
        purpose: what for.
        allow_different_folds: take runs all the same that hold out the same rows in other folds.

    Raises:
        ConfigError: fewer than two runs, or one of them twice.
        DataError: they differ in task, classes, rows, labels or folds; says in what.
        CheckpointError: one of them is not finished, or damaged.
    """
    require_several(directories, purpose)
    runs = [read_held_out(directory) for directory in directories]
    first, *others = runs
    aligned = [first, *(_aligned(first, other, purpose) for other in others)]
    plan, notes = first.plan, _alike(aligned)
    differing = [line for other in aligned[1:] if (line := _folds_difference(first, other))]
    if differing:
        if not allow_different_folds:
            raise DataError(
                f"{differing[0]}\ntrain the runs on the same folds (the same cv options and data), or "
                f"{purpose.other_folds}"
            )
        plan, notes = _common_plan(aligned), [FLATTERS, *differing, *notes]
    proba, scores = (
        np.stack([getattr(run, name)[: plan.repeats] for run in aligned]) for name in ("proba_RNC", "scores_RNC")
    )
    return Members(tuple(aligned), plan, proba, scores, tuple(notes))


def require_several(directories: Sequence[Path], purpose: Purpose) -> None:
    """Refuse fewer than two runs, and one that is named twice.

    Raises:
        ConfigError: it is so.
    """
    if len(directories) < 2:
        raise ConfigError(purpose.few)
    seen: set[Path] = set()
    for directory in directories:
        place = directory.resolve()
        if place in seen:
            raise ConfigError(f"{directory} is named twice: {purpose.twice}")
        seen.add(place)


def _aligned(first: HeldOut, other: HeldOut, purpose: Purpose) -> HeldOut:
    """Return the other run with its rows in the order of the first."""
    here, there = first.directory, other.directory
    if not first.task.fits(other.task.name):
        raise DataError(f"{there} does not fit {here}: a {other.task} task there, {first.task} here")
    if first.classes != other.classes:
        same = sorted(first.classes) == sorted(other.classes)
        what = f"the {first.task.nouns} in another order" if same else f"other {first.task.nouns}"
        raise DataError(
            f"{there} does not fit {here}: {what}: {first_few(other.classes)} there, {first_few(first.classes)} here"
            "\ntrain them on the same data with the same data.positive"
        )
    moved = other if np.array_equal(first.ids_N, other.ids_N) else other.in_order(_places(first, other, purpose))
    unlike_N = (moved.target != first.target).reshape(len(first.ids_N), -1).any(axis=1)
    if unlike_N.any():
        row = int(unlike_N.argmax())
        label = [first.task.label_text(run.target[row], first.classes) for run in (moved, first)]
        raise DataError(
            f"{there} does not fit {here}: {int(unlike_N.sum())} rows have other labels, the first row "
            f"'{first.ids_N[row]}': {label[0]} there, {label[1]} here"
        )
    return moved


def _places(first: HeldOut, other: HeldOut, purpose: Purpose) -> NDArray[np.int64]:
    """Return where in the other run each row of the first is."""
    here, there = np.unique(first.ids_N), np.unique(other.ids_N)
    lacking, extra = np.setdiff1d(here, there), np.setdiff1d(there, here)
    if len(lacking) or len(extra) or len(first.ids_N) != len(other.ids_N):
        one = f"'{lacking[0]}' is missing there" if len(lacking) else ""
        two = f"'{extra[0]}' is not here" if len(extra) else ""
        raise DataError(
            f"{other.directory} does not fit {first.directory}: other rows: {len(other.ids_N)} there, "
            f"{len(first.ids_N)} here ({' and '.join(filter(None, [one, two])) or 'some ids are there twice'})\n"
            f"{purpose.other_rows}"
        )
    if len(here) < len(first.ids_N):
        raise DataError(f"{other.directory} does not fit {first.directory}: ids that are there twice, in another order")
    order = np.argsort(other.ids_N, kind="stable")
    return np.asarray(order[np.searchsorted(other.ids_N[order], first.ids_N)])


def _folds_difference(first: HeldOut, other: HeldOut) -> str:
    here, there = first.plan, other.plan
    if np.array_equal(here.fold_of_row, there.fold_of_row):
        return ""
    said = f"{other.directory} does not fit {first.directory}: other folds: "
    if here.fold_of_row.shape != there.fold_of_row.shape or here.n_splits != there.n_splits:
        seeds = "" if len(here.seeds) == len(there.seeds) else " (as many seeds for both, such as seed=[1,2,3])"
        return f"{said}{_named(there)} there, {_named(here)} here{seeds}"
    repeat, row = np.argwhere(here.fold_of_row != there.fold_of_row)[0]
    n_rows = int((here.fold_of_row != there.fold_of_row).any(axis=0).sum())
    folds = [
        f"fold {fold}" if fold >= 0 else "no fold"
        for fold in (there.fold_of_row[repeat, row], here.fold_of_row[repeat, row])
    ]
    return f"{said}{n_rows} rows, the first row '{first.ids_N[row]}': {folds[0]} there, {folds[1]} here"


def _named(plan: FoldPlan) -> str:
    seeds = f" x {len(plan.seeds)} seeds" if plan.seeds else ""
    return f"{plan.strategy}, {plan.n_splits} folds x {plan.n_different}{seeds}"


def _common_plan(runs: Sequence[HeldOut]) -> FoldPlan:
    """Return the folds of the first run, of the rows and repeats that all runs hold out."""
    repeats = min(run.plan.repeats for run in runs)
    held_out_RN = np.all([run.plan.fold_of_row[:repeats] >= 0 for run in runs], axis=0)
    plan = runs[0].plan
    fold_of_row = np.where(held_out_RN, plan.fold_of_row[:repeats], -1)
    for repeat, fold_N in enumerate(fold_of_row):
        lacking = np.setdiff1d(np.arange(plan.n_splits), fold_N)
        if len(lacking):
            raise DataError(
                f"{runs[0].directory}: no row of its fold {lacking[0]} in repeat {repeat} is held out by all the runs\n"
                "blend runs that hold out the same rows"
            )
    facts = json.dumps([[run.plan.fingerprint for run in runs], fold_of_row.tolist()])
    fingerprint = hashlib.sha256(facts.encode()).hexdigest()
    return replace(plan, repeats=repeats, fold_of_row=fold_of_row, fingerprint=fingerprint, train_rows={}, seeds=())


def _alike(runs: Sequence[HeldOut]) -> list[str]:
    """Say which runs predict exactly the same: one of them would do."""
    notes, known = list[str](), dict[str, HeldOut]()
    for run in runs:
        sha256 = hashlib.sha256(np.ascontiguousarray(run.proba_RNC).tobytes()).hexdigest()
        before = known.setdefault(sha256, run)
        if before is not run:
            notes.append(f"{before.directory} and {run.directory} predict exactly the same: one of them would do")
    return notes


def members_sha256(members: Members) -> list[str]:
    """Return what identifies the folds of each run."""
    return [folds_sha256(run.run) for run in members.runs]
