"""The same folds once for each seed of training: what a run does with ``seed=[1,2,3]``."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trainer.folds.plan import FoldPlan
from trainer.folds.request import Pair


def with_seeds(plan: FoldPlan, seeds: Sequence[int]) -> FoldPlan:
    """Return the plan with its folds once for each seed; of a single seed the plan as it is."""
    if len(seeds) < 2:
        return plan
    again = {
        (number * plan.repeats + repeat, fold): rows
        for number in range(len(seeds))
        for (repeat, fold), rows in plan.train_rows.items()
    }
    return replace(
        plan,
        repeats=plan.repeats * len(seeds),
        fold_of_row=np.tile(plan.fold_of_row, (len(seeds), 1)),
        train_rows=again,
        seeds=tuple(seeds),
        fingerprint=hashlib.sha256(f"{plan.fingerprint} {len(seeds)} seeds".encode()).hexdigest(),
    )


def of_one_seed(plan: FoldPlan) -> FoldPlan:
    """Return the folds of the first seed only: how the rows are split, each split once."""
    if not plan.seeds:
        return plan
    n = plan.n_different
    train_rows = {key: rows for key, rows in plan.train_rows.items() if key[0] < n}
    return replace(plan, repeats=n, fold_of_row=plan.fold_of_row[:n], train_rows=train_rows, seeds=())


def rows_of_any_seed(split: FoldPlan, number: int) -> Pair:
    """Return (training, held-out) rows of a fold by its number in a run of any number of seeds.

    Args:
        split: the folds of one seed.
        number: counted on from seed to seed.
    """
    repeat, fold = divmod(number, split.n_splits)
    return split.rows(repeat % split.repeats, fold)
