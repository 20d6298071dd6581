"""Folds inside the training rows of a fold, for choices that must not see its held-out rows (nested CV)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trainer.config.errors import DataError
from trainer.folds.plan import FoldPlan, make_folds
from trainer.folds.rare import STRATIFYING
from trainer.folds.request import Pair, SplitOptions


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
    n_classes = target.shape[1] if target.ndim == 2 else int(target.max()) + 1
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
    if target.ndim == 2:
        return "multilabel"
    return "stratified" if groups_N is None else "stratified_group"
