"""Ranking metrics for many weightings of the rows at once: rows are sorted once, their weights cumulated for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from weakref import ReferenceType, ref

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.contract import Floats, Meter, Targets
from trainer.metrics.predictions import one_against_rest
from trainer.metrics.ranking import Ranking
from trainer.system.mapped_arrays import row_number_type
from trainer.tasks import of_target

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def one_by_one(weights_NB: Floats) -> bool:
    """Return whether each weighting lies together in memory, as the bootstrap has them where there are many rows."""
    return weights_NB.flags.f_contiguous and weights_NB.shape[0] > weights_NB.shape[1]


Area = Callable[[Floats, Floats, Any], Floats]


@dataclass(frozen=True)
class FromRanks:
    """Makes meters of an area: its mean over the ranked columns.

    Attributes:
        area: see ``from_ranks``.
        of_all: likewise.
    """

    area: Area
    of_all: Callable[[Ranking], float]

    def __call__(self, target: Targets, proba: Floats) -> Meter:
        """Return the meter of some rows."""
        return self.of(Ranked(target, proba))

    def of(self, ranked: "Ranked") -> Meter:
        """Return the meter of rows that other meters rank too."""
        ranked.areas.append(self.area)
        return lambda weights_NB: ranked.of(weights_NB)[self.area]


def from_ranks(area: Area, of_all: Callable[[Ranking], float]) -> FromRanks:
    """Make meters of an area computed from cumulative weights, best score first: the mean over ranked columns.

    The area gets the weights of the positives (P, B), the weight of the first n negatives (Q + 1, B) and how each
    positive ranks (see ``_split``), or (P,) and (Q + 1,) of one weighting, in whole numbers where the weights are.
    ``of_all`` gives the same number as scikit-learn of all rows of a column, each counted once.
    """
    return FromRanks(area, of_all)


class Ranked:
    """Some rows by their scores, cumulated once for all areas that are asked for the same weights one after the other.

    No more than one column is held cumulated: of many classes all would take much memory.
    """

    def __init__(self, target: Targets, proba: Floats) -> None:
        columns = one_against_rest(of_target(target), target, proba)
        self.columns = [_split(truth_N, scores_N) for truth_N, scores_N in columns]
        self.areas: list[Area] = []
        self.last: tuple[ReferenceType[Floats], dict[Area, Floats]] | None = None

    def of(self, weights_NB: Floats) -> dict[Area, Floats]:
        """Return the mean of each area over the columns, (B,) each."""
        if self.last is None or self.last[0]() is not weights_NB:
            if one_by_one(weights_NB):
                of_each = [self._means(_whole(weights_N)) for weights_N in weights_NB.T]
                means = {area: np.array([one[area] for one in of_each]) for area in self.areas}
            else:
                means = {area: np.asarray(mean) for area, mean in self._means(_whole(weights_NB)).items()}
            self.last = ref(weights_NB), means  # which another draw may take the room of
        return self.last[1]

    def _means(self, weights: Any) -> dict[Area, Any]:
        sums: dict[Area, Any] = dict.fromkeys(self.areas, 0)
        for positives, negatives, ranks in self.columns:
            of_positives, above = weights.take(positives, axis=0), _cumulated(weights, negatives)
            for area in sums:
                sums[area] = sums[area] + area(of_positives, above, ranks)
        return {area: summed / len(self.columns) for area, summed in sums.items()}


def _whole(weights: Floats) -> Any:
    """Return weights (N,) or (N, B) as whole numbers where they are: sums of these are found several times as fast."""
    most = weights.sum(axis=0).max()
    fitting = [kind for kind in (np.int16, np.int32) if most <= np.iinfo(kind).max // 2]  # two of the sums are added
    if not fitting:
        return weights
    whole = weights.astype(fitting[0])
    return whole if np.array_equal(whole, weights) else weights


def _split(truth_N: NDArray[np.bool_], scores_N: Floats) -> tuple[Targets, Targets, Any]:
    """Return positive and negative rows, best score first, and how each positive ranks.

    The ranks are, per positive: negatives scored above it, negatives scored as high or above (the same array where no
    score of a positive is one of a negative), positives scored as high or above.
    """
    (positives, at), (negatives, above) = (_best_first(rows, scores_N) for rows in (truth_N, ~truth_N))
    before, as_high = (np.searchsorted(above, at, side).astype(negatives.dtype) for side in _SIDES)
    before = as_high if np.array_equal(before, as_high) else before
    return positives, negatives, (before, as_high, np.searchsorted(at, at, "right").astype(positives.dtype))


def _best_first(chosen_N: NDArray[np.bool_], scores_N: Floats) -> tuple[Targets, Floats]:
    """Return the chosen rows, best score first, and their scores, negative; places of very many take half the room."""
    rows = np.flatnonzero(chosen_N)
    worth = -scores_N[rows]
    order = np.argsort(worth, kind="stable")  # sums of weights round as they are ordered
    return rows[order].astype(row_number_type(len(scores_N))), worth[order]


def _cumulated(weights: Any, rows: NDArray[np.int64]) -> Any:
    """Return (len(rows) + 1, B), or (len(rows) + 1,): the weight of the first n rows."""
    sums = np.zeros((len(rows) + 1, *weights.shape[1:]), dtype=weights.dtype)
    np.cumsum(weights.take(rows, axis=0), axis=0, dtype=sums.dtype, out=sums[1:])
    return sums
