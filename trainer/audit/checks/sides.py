"""Rows and groups on both sides of a split, and time that goes backwards."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.duplicate_rows import number
from trainer.audit.findings import Finding, count, examples
from trainer.audit.split import Split, crossing, folds_said
from trainer.tasks import Task


def check_overlap(split: Split) -> list[Finding]:
    """Report rows that one fold both trains on and holds out."""
    folds: dict[str, tuple[int, int]] = {}
    both_N = np.zeros(split.fold_of_row.shape[1], dtype=bool)
    for side in split.sides():
        in_both = side.train_N & side.held_N
        if in_both.any():
            folds[side.name] = (int(in_both.sum()), int(side.held_N.sum()))
            both_N |= in_both
    rows = np.flatnonzero(both_N)
    if not len(rows):
        return []
    said = f"{count(len(rows), 'row is', 'rows are')} trained on and held out at once ({folds_said(folds)})."
    return [Finding("overlap", "leak", said, examples(rows), len(rows), tuple(folds))]


def check_groups(groups_N: NDArray[np.str_], task: Task, split: Split | None) -> list[Finding]:
    """Report groups with held-out rows and training rows in one fold; without a split, groups of several rows.

    Args:
        groups_N: (N,) the group of each row.
        task: for the option named.
        split: the folds, or None.
    """
    codes_N = number(groups_N.tolist())
    fix = f"cv={task.grouped}"
    fix += " (makes new folds)" if split is not None and split.given else ""
    sizes = np.bincount(codes_N)
    if split is None:
        rows = np.flatnonzero(sizes[codes_N] > 1)
        said = (
            f"{int((sizes > 1).sum()):,} of {count(len(sizes), 'group')} have more than one row: "
            "random folds put rows of one group on both sides."
        )
        return [Finding("groups", "warning", said, examples(rows), len(rows), (), fix)] if len(rows) else []
    found = crossing(split.sides(), codes_N)
    if found.pair is None:
        return []
    held_out, trained_on = found.pair
    n_groups = len(np.unique(codes_N[found.rows]))
    said = (
        f"{n_groups:,} of {count(len(sizes), 'group')} {'is' if n_groups == 1 else 'are'} on both sides "
        f"({folds_said(found.folds)} rows). '{groups_N[held_out]}' has row {held_out + 1} held out while row "
        f"{trained_on + 1} is trained on."
    )
    return [Finding("groups", "leak", said, examples(found.rows), len(found.rows), tuple(found.folds), fix)]


def check_time(times_N: NDArray[Any], grouped: bool, split: Split | None) -> list[Finding]:
    """Report held-out rows that are earlier than a row they are predicted from; equal times are no problem.

    Without a split every row has a time: random folds would predict the past from the future.

    Args:
        times_N: (N,) numbers or datetime64; NaN and NaT are left out, and counted in a note.
        grouped: whether rows have groups, which no split by time keeps.
        split: the folds, or None.
    """
    known_N = known_times(times_N)
    unknown = np.flatnonzero(~known_N)
    found = _backwards(times_N, known_N, split, _fix_time(grouped, split))
    if len(unknown):
        said = f"{count(len(unknown), 'row has', 'rows have')} no time: not looked at here, and refused by cv=time."
        found.append(Finding("no_time", "note", said, examples(unknown), len(unknown)))
    return found


def known_times(times_N: NDArray[Any]) -> NDArray[np.bool_]:
    """Return (N,) whether the row has a time."""
    known_N: NDArray[np.bool_] = ~(np.isnat(times_N) if times_N.dtype.kind == "M" else np.isnan(times_N.astype(float)))
    return known_N


def as_dates(times_N: NDArray[Any]) -> NDArray[Any]:
    """Return micro- or nanoseconds since 1970 as the times they are (1973 to 2100), any other numbers as they are."""
    if times_N.dtype.kind == "i":
        for unit, low, high in (("us", 10**14, 41 * 10**14), ("ns", 10**17, 41 * 10**17)):
            if low <= times_N.min() and times_N.max() <= high:
                return times_N.astype(f"datetime64[{unit}]")
    return times_N


def _fix_time(grouped: bool, split: Split | None) -> str:
    options, why = ["cv=time"], []
    if grouped:
        options += ["data.group=null", "cv.group=null"]
        why.append("no split keeps groups and goes forward")
    if split is not None and split.given:
        why.append("makes new folds")
    return " ".join(options) + (f" ({'; '.join(why)})" if why else "")


def _backwards(times_N: NDArray[Any], known_N: NDArray[np.bool_], split: Split | None, fix: str) -> list[Finding]:
    if split is None:
        said = "The rows have a time: random folds would predict earlier rows from later ones."
        several = len(np.unique(times_N[known_N])) > 1
        return [Finding("time_backwards", "warning", said, n_rows=int(known_N.sum()), fix=fix)] if several else []
    early_N = np.zeros(len(times_N), dtype=bool)
    folds: dict[str, tuple[int, int]] = {}
    pair = None
    for side in split.sides():
        trained = np.flatnonzero(side.train_N & known_N)
        if not len(trained):
            continue
        latest = trained[times_N[trained].argmax()]
        bad_N = side.held_N & known_N & (times_N < times_N[latest])
        if bad_N.any():
            early_N |= bad_N
            folds[side.name] = (int(bad_N.sum()), int(side.held_N.sum()))
            pair = pair or (int(bad_N.argmax()), int(latest))
    if pair is None:
        return []
    rows = np.flatnonzero(early_N)
    said = (
        f"{len(rows):,} of {count(split.n_held_out, 'held-out row')} {'is' if len(rows) == 1 else 'are'} earlier than "
        f"rows trained on ({folds_said(folds)}). Row {pair[0] + 1} ({_shown(times_N[pair[0]])}) is held out while row "
        f"{pair[1] + 1} ({_shown(times_N[pair[1]])}) is trained on."
    )
    return [Finding("time_backwards", "leak", said, examples(rows), len(rows), tuple(folds), fix)]


def _shown(time: Any) -> str:
    """Write a time without the zeros of a day or a full second."""
    return re.sub(r"(T00:00:00)?\.0+$", "", str(time)) if isinstance(time, np.datetime64) else str(time)
