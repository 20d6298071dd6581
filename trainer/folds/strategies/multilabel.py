"""Iterative stratification for multi-label rows, also of groups.

Source: Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011, algorithm 1.
A group takes the place of a row with the counts of its rows; the largest groups of a label are dealt out first.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.folds.request import Pair, SplitRequest
from trainer.tasks import of_target

GROUPS = "may"
SHUFFLE = "may"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold for a target of (N,) or (N, L)."""
    shares_K = np.full(request.n_splits, 1 / request.n_splits)
    random = np.random.default_rng(request.random_state) if request.shuffle else None
    labels_NL = of_target(request.target).indicators(request.target)
    fold_N = fold_numbers(labels_NL, request.groups_N, shares_K=shares_K, random=random)
    for fold in range(request.n_splits):
        yield np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)


def fold_numbers(
    target: NDArray[np.int64],
    groups_N: NDArray[np.str_] | NDArray[np.int64] | None = None,
    *,
    shares_K: NDArray[np.float64],
    random: np.random.Generator | None,
) -> NDArray[np.int64]:
    """Deal rows out to folds and return the fold of each row (N,).

    The rarest label is dealt out first, each of its rows to the fold that wants the label most; ties go to the fold
    that wants rows most, then to chance or, without a generator, to the first fold. Ties are rare among groups and
    among folds of unequal shares, so with a generator chance decides there in which order groups come, too.

    Args:
        target: (N, L) of 0/1.
        groups_N: rows of one group get one fold, or None.
        shares_K: of the rows that each fold wants; sum to 1.
        random: breaks ties, and orders groups of the same size.
    """
    if groups_N is None:
        return _deal(target, np.ones(len(target), dtype=np.int64), shares_K, random)
    groups, unit_N = np.unique(groups_N, return_inverse=True)
    counts_UL = np.zeros((len(groups), target.shape[1]), dtype=np.int64)
    np.add.at(counts_UL, unit_N, target)
    size_U = np.bincount(unit_N)
    order_U = np.arange(len(groups)) if random is None else random.permutation(len(groups))
    fold_U = np.empty_like(size_U)
    fold_U[order_U] = _deal(counts_UL[order_U], size_U[order_U], shares_K, random)
    return fold_U[unit_N]


def _deal(
    counts_UL: NDArray[np.int64],
    size_U: NDArray[np.int64],
    shares_K: NDArray[np.float64],
    random: np.random.Generator | None,
) -> NDArray[np.int64]:
    fold_U = np.full(len(size_U), -1, dtype=np.int64)
    wanted_rows_K = (size_U.sum() * shares_K).tolist()
    wanted_KL = shares_K[:, None] * counts_UL.sum(axis=0)
    left_UL = counts_UL.copy()
    while (counts_L := left_UL.sum(axis=0)).any():
        label = int(np.where(counts_L > 0, counts_L, np.iinfo(np.int64).max).argmin())
        units = np.flatnonzero(left_UL[:, label])
        units = units[np.argsort(-left_UL[units, label], kind="stable")]
        wanted_K = wanted_KL[:, label].tolist()
        fold_U[units] = _deal_label(counts_UL[units, label], size_U[units], wanted_K, wanted_rows_K, random)
        np.subtract.at(wanted_KL, fold_U[units], counts_UL[units])
        left_UL[units] = 0
    units = np.flatnonzero(fold_U < 0)
    units = units[np.argsort(-size_U[units], kind="stable")]
    fold_U[units] = _deal_label(size_U[units], size_U[units], wanted_rows_K, wanted_rows_K, random)
    return fold_U


def _deal_label(
    counts_U: NDArray[np.int64],
    size_U: NDArray[np.int64],
    wanted_K: list[float],
    wanted_rows_K: list[float],
    random: np.random.Generator | None,
) -> list[int]:
    """Deal the units of one label out; lists instead of arrays, as there are only K numbers per step."""
    folds = []
    for count, size in zip(counts_U.tolist(), size_U.tolist(), strict=True):
        tied = _largest(wanted_K, range(len(wanted_K)))
        if len(tied) > 1:
            tied = _largest(wanted_rows_K, tied)
        fold = tied[0] if random is None or len(tied) == 1 else tied[random.integers(len(tied))]
        wanted_rows_K[fold] -= size
        if wanted_K is not wanted_rows_K:
            wanted_K[fold] -= count
        folds.append(fold)
    return folds


def _largest(wanted_K: list[float], folds: range | list[int]) -> list[int]:
    most = max(wanted_K[fold] for fold in folds)
    least = most - 1e-8 - 1e-5 * abs(most)  # as close as NumPy's isclose
    return [fold for fold in folds if wanted_K[fold] >= least]
