"""One class against the rest, from the highest score down: what ranking metrics and curves are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranking:
    """Rows of one class against the rest, from the highest score down.

    Attributes:
        hits_T: rows of the class with at least the T-th different score, from 0.
        false_T: other rows with at least it, from 0.
    """

    hits_T: NDArray[np.integer[Any]]
    false_T: NDArray[np.integer[Any]]


def ranking(truth_N: NDArray[Any], score_N: NDArray[np.floating[Any]]) -> Ranking:
    """Return the counts at each different score; equal scores are passed together.

    Args:
        truth_N: whether each row is of the class.
        score_N: what it was given.
    """
    count = np.int32 if len(score_N) <= np.iinfo(np.int32).max else np.int64
    order_N = np.argsort(-score_N).astype(count)
    sorted_N = score_N[order_N]
    ends_T = np.append(np.flatnonzero(sorted_N[1:] != sorted_N[:-1]), len(sorted_N) - 1).astype(count)
    del sorted_N  # of very many rows each array is much
    hits_T = np.asarray(truth_N, dtype=np.bool_)[order_N].cumsum(dtype=count)[ends_T]
    return Ranking(np.append(count(0), hits_T), np.append(count(0), 1 + ends_T - hits_T))


def roc_area(found: Ranking) -> float:
    """Return the area under the ROC curve, the number that scikit-learn comes to; NaN where rows are of one kind only.

    So that it is the same to the bit, points on straight lines are left out first, as there.
    """
    hits_T, false_T = found.hits_T[1:], found.false_T[1:]
    if not hits_T[-1] or not false_T[-1]:
        return float("nan")
    if len(hits_T) > 2:
        corner_T = np.diff(hits_T, 2) != 0
        corner_T |= np.diff(false_T, 2) != 0
        kept_T = np.concatenate([[True], corner_T, [True]])
        hits_T, false_T = hits_T[kept_T], false_T[kept_T]
    area_K = np.diff(false_T / false_T[-1], prepend=0.0)
    height_K = np.append(0.0, hits_T / hits_T[-1])
    area_K *= height_K[1:] + height_K[:-1]
    area_K /= 2
    return float(area_K.sum())


def precision_at(found: Ranking) -> NDArray[np.float64]:
    """Return the precision at each different score, which is 1 at the first by convention."""
    return np.append(1.0, found.hits_T[1:] / (found.hits_T[1:] + found.false_T[1:]))


def precision_area(found: Ranking) -> float:
    """Return the average precision, the number that scikit-learn comes to; NaN where no row is of the class."""
    if not found.hits_T[-1]:
        return float("nan")
    area_T = np.diff(found.hits_T / found.hits_T[-1])
    area_T *= found.hits_T[1:] / (found.hits_T[1:] + found.false_T[1:])
    return float(np.ascontiguousarray(area_T[::-1]).sum())  # from the lowest score up, as there
