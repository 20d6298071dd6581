"""Folds inside the training rows of a fold, for choices that must not see its held-out rows (nested CV)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.folds.both_sides import every_class_on_both_sides
from trainer.folds.plan import FoldPlan, make_folds
from trainer.folds.rare import STRATIFYING
from trainer.folds.request import Pair, RowNumbers, SplitOptions, SplitRequest
from trainer.folds.strategies.holdout import split as hold_out
from trainer.tasks import of_target

MOST_DRAWN = 16  # slices of whole groups, where the first is lopsided


def inner_folds(
    plan: FoldPlan,
    repeat: int,
    fold: int,
    target: NDArray[np.int64],
    groups_N: NDArray[np.str_] | None,
    n_splits: int,
    random_state: int,
    *,
    times_N: NDArray[np.float64] | NDArray[np.int64] | None = None,
    ids_N: NDArray[np.str_] | None = None,
    options: SplitOptions | None = None,
) -> list[Pair]:
    """Split the training rows of an outer fold the way its plan split all rows.

    Only training rows are ever passed to the splitter, so no inner row can be an outer held-out row. Classes too rare
    for every inner fold are split anyway.

    Args:
        plan: outer folds.
        repeat: of the outer fold.
        fold: the outer fold.
        target: (N,) or (N, L) of all rows.
        groups_N: of all rows, kept inside too, or None.
        n_splits: inner folds.
        random_state: seed of the inner shuffle.
        times_N: of all rows; needed under ``time``.
        ids_N: of all rows; None = row numbers.
        options: of the plan; ``gap`` and ``window`` hold inside too.

    Returns:
        (training, held-out) per inner fold, as row numbers of the whole data set, ascending.

    Raises:
        DataError: the training rows cannot be split so.
    """
    rows, _ = plan.rows(repeat, fold)
    strategy = _inner_strategy(plan.strategy, target, groups_N)
    n_classes = of_target(target).count_classes(target)
    rare = "allow" if strategy in STRATIFYING else "refuse"
    time = options if options is not None and strategy == "time" else SplitOptions()
    try:
        inner = make_folds(
            strategy,
            target[rows],
            ids_N=(np.arange(len(target)).astype(np.str_) if ids_N is None else ids_N)[rows],
            groups_N=None if groups_N is None else groups_N[rows],
            classes=tuple(map(str, range(n_classes))),
            n_splits=n_splits,
            repeats=1,
            shuffle=strategy != "time",
            random_state=random_state,
            times_N=None if times_N is None else times_N[rows],
            options=replace(time, rare=rare),
        )
    except DataError as error:
        text = str(error).replace("cv.n_splits", "cv.inner.n_splits")
        raise DataError(f"inner folds of fold {repeat * plan.n_splits + fold}: {text}") from error
    pairs = [inner.rows(0, number) for number in range(inner.n_splits)]
    return [(rows[train], rows[held_out]) for train, held_out in pairs]


def _inner_strategy(outer: str, target: NDArray[np.int64], groups_N: NDArray[np.str_] | None) -> str:
    if outer in ("kfold", "group", "stratified_group", "time"):
        return outer
    task = of_target(target)
    return task.stratified if groups_N is None else task.grouped


def goes_forward(plan: FoldPlan, times_N: NDArray[np.float64] | NDArray[np.int64] | None) -> bool:
    """Return whether every fold trains only on rows from before all those it holds out."""
    if times_N is None:
        return False
    pairs = (plan.rows(*divmod(number, plan.n_splits)) for number in range(plan.n_folds))
    return all(times_N[train].max() < times_N[held_out].min() for train, held_out in pairs)


def latest_slice(rows: RowNumbers, times_N: NDArray[np.float64] | NDArray[np.int64], fraction: float, gap: int) -> Pair:
    """Cut the latest rows off the training rows of a fold.

    Args:
        rows: training rows of the fold.
        times_N: of all rows; rows of one time stay together.
        fraction: share of the distinct times to cut off, at least one.
        gap: distinct times left out before the slice.

    Returns:
        (rest, slice) as row numbers of the whole data set, ascending.

    Raises:
        DataError: nothing would be left to train on.
    """
    times, step_M = np.unique(times_N[rows], return_inverse=True)
    first = len(times) - max(1, round(fraction * len(times)))
    if first - gap < 1:
        raise DataError(
            f"cv.select=inner: {len(times)} distinct times before a held-out part are too few to cut {fraction:.0%} "
            f"off with cv.gap={gap}\nuse another cv.inner_fraction, fewer folds, or cv.select=last"
        )
    return rows[step_M < first - gap], rows[step_M >= first]


def grouped_slice(
    rows: RowNumbers, target: NDArray[np.int64], groups_N: NDArray[np.str_], fraction: float, random_state: int
) -> Pair:
    """Cut whole groups off the training rows of a fold, the labels as even as that allows.

    Where the slice would have more rows of a class than it leaves to train on, it is drawn anew, and each group is
    tried by itself: of all these the one with the fewest such classes, then the nearest to the share.

    Args:
        rows: training rows of the fold.
        target: (N,) or (N, L) of all rows.
        groups_N: of all rows.
        fraction: share of the training rows to cut off, at least one group.
        random_state: seed.

    Returns:
        (rest, slice) as row numbers of the whole data set, ascending.

    Raises:
        DataError: all rows are of one group.
    """
    groups, sizes = np.unique(groups_N[rows], return_counts=True)
    if len(groups) < 2:
        raise DataError(
            f"cv.select=inner: all rows to train on are of group '{groups[0]}', none can be cut off\n"
            "use fewer folds, or cv.select=last"
        )
    smallest_first = groups[np.argsort(sizes, kind="stable")]

    def complete(inner: RowNumbers) -> Pair:
        pair = np.delete(rows, inner), rows[inner]
        return every_class_on_both_sides(pair, target, random_state, groups_N=groups_N)

    def drawn(seed: int) -> Pair:
        options = SplitOptions(holdout_fraction=fraction)
        request = SplitRequest(target[rows], 1, random_state=seed, groups_N=groups_N[rows], options=options)
        _, inner = next(hold_out(request))
        if not 0 < len(inner) < len(rows):  # groups larger than the slice: the smallest is the nearest to it
            inner = np.flatnonzero(groups_N[rows] == smallest_first[0])
        return complete(inner)

    first = drawn(random_state)
    if classes_mostly_inside(first, target) == 0:
        return first
    others = [drawn(random_state + more) for more in range(1, MOST_DRAWN)]
    alone = [complete(np.flatnonzero(groups_N[rows] == group)) for group in smallest_first[:MOST_DRAWN]]
    wanted = fraction * len(rows)
    return min([first, *others, *alone], key=lambda pair: badness(pair, target, wanted))


def badness(pair: Pair, target: NDArray[np.int64], wanted: float) -> tuple[int, int, float]:
    """Return what a slice is the worse for, the worst first: classes missing on a side, classes mostly inside, size."""
    n_classes = of_target(target).count_classes(target)
    counts = [of_target(target).class_counts(target[side], n_classes) for side in pair]
    missing = sum(int((counts_C == 0).sum()) for counts_C in counts)
    return missing, classes_mostly_inside(pair, target), abs(len(pair[1]) - wanted)


def classes_mostly_inside(pair: Pair, target: NDArray[np.int64]) -> int:
    """Return of how many classes a slice has more rows than it leaves to train on."""
    task = of_target(target)
    n_classes = task.count_classes(target)
    rest_C, inner_C = (task.class_counts(target[side], n_classes) for side in pair)
    return int((inner_C > rest_C).sum())
