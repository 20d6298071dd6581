"""Curves of one class against the rest as points for the page: ranking, reliability, counts at every threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.ranking import Ranking, precision_at

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]  # x (P,), y (P,)

GRID_G = np.linspace(0, 1, 51)  # where folds are averaged
EDGES = np.linspace(0, 1, 11)[1:-1]  # of the bins of the reliability diagram
Z = 1.959964  # of a 95 % interval


def roc(found: Ranking) -> Line | None:
    """Return false and true positive rate; None where there are rows of one kind only."""
    n_hits, n_false = found.hits_T[-1], found.false_T[-1]
    return None if not n_hits or not n_false else (found.false_T / n_false, found.hits_T / n_hits)


def precision_recall(found: Ranking) -> Line | None:
    """Return recall and precision, which is 1 at the first by convention; None where the class has no rows."""
    if not found.hits_T[-1]:
        return None
    return found.hits_T / found.hits_T[-1], precision_at(found)


def band(lines: Sequence[Line], *, stepped: bool) -> tuple[Floats, Floats] | None:
    """Return mean minus and plus one sd of the folds' curves over ``GRID_G``; None of fewer than two.

    So does scikit-learn's example "Receiver Operating Characteristic with cross validation".

    Args:
        lines: x ascending.
        stepped: the value at x is that of the first point at or after it, as precision over recall is read; else
            points are joined by straight lines.
    """
    if len(lines) < 2:
        return None
    if stepped:
        values_FG = np.array([y[np.searchsorted(x, GRID_G, side="left").clip(max=len(x) - 1)] for x, y in lines])
    else:
        values_FG = np.array([np.interp(GRID_G, x, y) for x, y in lines])
        values_FG[:, 0] = 0.0  # where the curve starts
    mean_G, sd_G = values_FG.mean(axis=0), values_FG.std(axis=0, ddof=1)
    return (mean_G - sd_G).clip(0, 1), (mean_G + sd_G).clip(0, 1)


def thinned(line: Line, most: int) -> Line:
    """Return at most so many points of a curve, evenly along its way, the ends among them; straight parts lose theirs.

    A curve of few points stays exactly what it is.
    """
    x, y = line
    if len(x) > 2:
        straight = np.diff(x)[1:] * np.diff(y)[:-1] == np.diff(x)[:-1] * np.diff(y)[1:]
        kept = np.concatenate([[True], ~straight, [True]])
        x, y = x[kept], y[kept]
    if len(x) <= most:
        return x, y
    way = np.append(0, (np.abs(np.diff(x)) + np.abs(np.diff(y))).cumsum())
    places = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most - 1)).clip(max=len(x) - 1))
    places = np.unique(np.append(places, len(x) - 1))
    return x[places], y[places]


@dataclass(frozen=True)
class Bins:
    """Rows in ten bins of equal width, by what they were given; bins without rows are left out.

    Attributes:
        said_B: mean probability.
        share_B: share of the class.
        n_B: rows.
        low_B: end of Wilson's 95 % interval of the share.
        high_B: likewise.
    """

    said_B: Floats
    share_B: Floats
    n_B: NDArray[np.int64]
    low_B: Floats
    high_B: Floats


def reliability(truth_N: NDArray[np.bool_], score_N: Floats) -> Bins:
    """Return how often rows are of the class, by the probability they were given."""
    place_N = np.searchsorted(EDGES, score_N, side="right")
    n_B = np.bincount(place_N)
    sums_B, hits_B = (np.bincount(place_N, weights=values.astype(np.float64)) for values in (score_N, truth_N))
    there = n_B > 0
    n_B, said_B, share_B = n_B[there], sums_B[there] / n_B[there], hits_B[there] / n_B[there]
    middle_B = (share_B + Z**2 / (2 * n_B)) / (1 + Z**2 / n_B)
    half_B = Z / (1 + Z**2 / n_B) * np.sqrt(share_B * (1 - share_B) / n_B + Z**2 / (4 * n_B**2))
    return Bins(said_B, share_B, n_B, (middle_B - half_B).clip(0, 1), (middle_B + half_B).clip(0, 1))


def counts_above(truth_N: NDArray[np.bool_], score_N: Floats, thresholds_T: Floats) -> Ranking:
    """Return how many rows of the class, and how many others, have more than each threshold."""
    hits, others = np.sort(score_N[truth_N]), np.sort(score_N[~truth_N])
    hits_T, false_T = (len(one) - np.searchsorted(one, thresholds_T, side="right") for one in (hits, others))
    return Ranking(hits_T, false_T)
