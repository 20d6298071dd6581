"""Sets of classes, and intervals of numbers, that hold the truth as often as asked: CV+ on the folds of a run.

What a fold's model says of the rows it never saw is compared with what it says of a new row (Romano, Sesia, Candès,
"Classification with valid and adaptive coverage", 2020; of numbers Barber, Candès, Ramdas, Tibshirani 2021). Where rows
are exchangeable at least 1 - 2a of the sets hold the truth, and as a rule 1 - a.

The score of a class is the probability of all classes that are likelier: 0 for the likeliest, so that no set is empty.
It is the adaptive score without the random part, so that the same row always gets the same set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK_CELLS = 5_000_000  # rows x residuals at a time


@dataclass(frozen=True)
class Conformal:
    """What the folds of a run say of their held-out rows.

    Attributes:
        coverage: share of rows whose set is to hold the truth.
        scores: by fold, ascending: of the true class, or how far a number was off.
    """

    coverage: float
    scores: tuple[tuple[float, ...], ...]

    def sets(self, proba_KNC: Floats) -> NDArray[np.bool_]:
        """Return (N, C) which classes are in the set of each row.

        Args:
            proba_KNC: of the folds that ``scores`` are of, in their order.
        """
        n_rows = sum(map(len, self.scores))
        below_NC = np.zeros(proba_KNC.shape[1:])
        for scores, proba_NC in zip(self.scores, proba_KNC, strict=True):
            below_NC += np.searchsorted(np.asarray(scores), class_scores(proba_NC), side="left")
        return np.asarray(below_NC < self.coverage * (n_rows + 1))

    def intervals(self, numbers_KN: Floats) -> Floats:
        """Return (N, 2) lower and upper ends, infinite where there are too few rows."""
        residuals_M = np.concatenate([np.asarray(one) for one in self.scores])
        fold_M = np.repeat(np.arange(len(self.scores)), list(map(len, self.scores)))
        rank, ends = rank_of(self.coverage, len(residuals_M)), list[Floats]()
        step = max(1, BLOCK_CELLS // len(residuals_M))
        for start in range(0, numbers_KN.shape[1], step):
            centre_BM = numbers_KN[:, start : start + step].T[:, fold_M]
            if rank > len(residuals_M):
                ends.append(np.tile([-math.inf, math.inf], (len(centre_BM), 1)))
                continue
            low = -np.partition(-(centre_BM - residuals_M), rank - 1, axis=1)[:, rank - 1]
            high = np.partition(centre_BM + residuals_M, rank - 1, axis=1)[:, rank - 1]
            ends.append(np.stack([low, high], axis=1))
        return np.concatenate(ends) if ends else np.zeros((0, 2))


def class_scores(proba_NC: Floats) -> Floats:
    """Return (N, C) the probability of the classes that are likelier; of equal ones the first is."""
    order_NC = np.argsort(-proba_NC, axis=1, kind="stable")
    sorted_NC = np.take_along_axis(proba_NC, order_NC, axis=1)
    above_NC = np.cumsum(sorted_NC, axis=1) - sorted_NC
    scores_NC = np.empty_like(proba_NC)
    np.put_along_axis(scores_NC, order_NC, above_NC, axis=1)
    scores_NC[np.arange(len(proba_NC)), order_NC[:, 0]] = 0  # a cumulative sum may end a rounding above it
    return scores_NC


def rank_of(coverage: float, n_rows: int) -> int:
    """Return which of the residuals, counted from 1 upwards, covers; above ``n_rows`` none does."""
    return math.ceil(coverage * (n_rows + 1) - 1e-9)


@dataclass(frozen=True)
class Coverage:
    """How often the sets of held-out rows hold the truth, each fold's made of the scores of the others.

    Attributes:
        share: of all rows.
        by_class: of the rows of each class; NaN where there are none, empty of numbers.
        size: mean number of classes in a set, or median width of an interval.
    """

    share: float
    by_class: tuple[float, ...]
    size: float


def measure_sets(coverage: float, proba_NC: Floats, target_N: NDArray[np.int64], fold_N: NDArray[np.int64]) -> Coverage:
    """Return the coverage of sets, of rows that some fold holds out."""
    scores_NC = class_scores(proba_NC)
    own_N = scores_NC[np.arange(len(target_N)), target_N]
    holds_N, size_N = np.zeros(len(target_N), dtype=bool), np.zeros(len(target_N))
    for fold in np.unique(fold_N):
        here_N = fold_N == fold
        others = np.sort(own_N[~here_N])
        inside = np.searchsorted(others, scores_NC[here_N], side="left") < coverage * (len(others) + 1)
        holds_N[here_N] = inside[np.arange(here_N.sum()), target_N[here_N]]
        size_N[here_N] = inside.sum(axis=1)
    by_class = tuple(
        float(holds_N[target_N == one].mean()) if (target_N == one).any() else math.nan
        for one in range(proba_NC.shape[1])
    )
    return Coverage(float(holds_N.mean()), by_class, float(size_N.mean()))


def measure_intervals(coverage: float, residual_N: Floats, fold_N: NDArray[np.int64]) -> Coverage:
    """Return the coverage of intervals, of rows that some fold holds out."""
    half_N = np.zeros(len(residual_N))
    for fold in np.unique(fold_N):
        here_N = fold_N == fold
        others = np.sort(residual_N[~here_N])
        rank = rank_of(coverage, len(others))
        half_N[here_N] = others[rank - 1] if rank <= len(others) else math.inf
    return Coverage(float((residual_N <= half_N).mean()), (), float(2 * np.median(half_N)))


def by_fold(values_N: Floats, fold_N: NDArray[np.int64], folds: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    """Return the values of each fold, ascending."""
    return tuple(tuple(np.sort(values_N[fold_N == fold]).tolist()) for fold in folds)
