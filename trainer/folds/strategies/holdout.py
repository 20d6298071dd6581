"""One fold: a share of the rows is held out, the rest trains. Labels in proportion, groups kept where given."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.folds.request import Pair, SplitRequest
from trainer.folds.strategies.multilabel import fold_numbers
from trainer.tasks import of_target

GROUPS = "may"
SHUFFLE = "must"
N_SPLITS = False
MANY_ROWS = 1_000_000


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield the one pair of (training, held-out) row numbers for a target of (N,) or (N, L).

    One label per row: scikit-learn's StratifiedShuffleSplit. Several, or groups: iterative stratification.

    Raises:
        DataError: too few rows to have every class on both sides.
    """
    held_out = request.options.holdout_fraction
    task = of_target(request.target)
    if request.groups_N is None and not task.several_labels:
        yield _by_class(request, held_out)
        return
    random = np.random.default_rng(request.random_state)
    shares_K = np.array([held_out, 1 - held_out])
    groups_N = np.arange(len(request.target)) if request.groups_N is None else request.groups_N  # each row by itself
    side_N = fold_numbers(
        of_target(request.target).indicators(request.target), groups_N, shares_K=shares_K, random=random
    )
    yield np.flatnonzero(side_N == 1), np.flatnonzero(side_N == 0)


def _by_class(request: SplitRequest, held_out: float) -> Pair:
    from sklearn.model_selection import StratifiedShuffleSplit

    alone_N = np.bincount(request.target)[request.target] == 1  # reached with cv.rare=allow: these land by chance
    rows, alone = np.flatnonzero(~alone_N), np.flatnonzero(alone_N)
    one = StratifiedShuffleSplit(1, test_size=held_out, random_state=request.random_state)
    try:
        if len(rows) > MANY_ROWS:
            test = _held_out_of_many(request.target[rows], held_out, request.random_state)
        else:
            _, test = next(one.split(rows, request.target[rows]))
    except ValueError as error:
        raise DataError(
            f"cv.holdout_fraction={held_out} of {len(request.target)} rows cannot have all "
            f"{len(np.unique(request.target))} classes on both sides: use another fraction, or cv=kfold"
        ) from error
    tested_N = np.zeros(len(request.target), dtype=bool)
    tested_N[rows[test]] = True
    tested_N[alone] = np.random.default_rng(request.random_state).random(len(alone)) < held_out
    return np.flatnonzero(~tested_N), np.flatnonzero(tested_N)


def _held_out_of_many(target_N: NDArray[np.int64], held_out: float, seed: int) -> NDArray[np.int64]:
    """Return the rows that StratifiedShuffleSplit (1.9) holds out, which takes 40 bytes a row for its lists.

    Raises:
        ValueError: too few rows to have every class on both sides.
    """
    from sklearn.utils import check_random_state
    from sklearn.utils.extmath import _approximate_mode

    classes, counts_C = np.unique(target_N, return_counts=True)
    n_held = math.ceil(held_out * len(target_N))
    n_train = len(target_N) - n_held
    if min(n_train, n_held) < len(classes):
        raise ValueError("fewer rows than classes")
    random = check_random_state(seed)
    train_C = _approximate_mode(counts_C, n_train, random)
    held_C = _approximate_mode(counts_C - train_C, n_held, random)
    held = []
    for label, count, skipped, taken in zip(classes, counts_C, train_C, held_C, strict=True):
        drawn = random.permutation(count)[skipped : skipped + taken]
        held.append(np.flatnonzero(target_N == label)[drawn])
    return np.concatenate(held)
