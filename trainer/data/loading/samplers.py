"""Which rows an epoch has where rare classes are to come more often: a pure function of (seed, repeat, fold, epoch)."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 7  # apart from the random numbers that shuffle the rows, which have the same key


def class_shares(counts_C: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """Return the share of each class among the drawn rows: as its number of rows to a power; 0 where it has none.

    Example:
        >>> class_shares(np.array([90, 10, 0]), 0.5).round(2).tolist()
        [0.75, 0.25, 0.0]
    """
    raised_C = np.where(counts_C > 0, counts_C.astype(np.float64) ** power, 0.0)
    shares_C: NDArray[np.float64] = raised_C / raised_C.sum()
    return shares_C


def sampled_rows(
    rows: NDArray[np.int64], target_R: NDArray[np.int64], power: float, key: tuple[int, ...]
) -> NDArray[np.int64]:
    """Draw as many rows as there are, each class as often as ``class_shares`` says.

    Within a class every row comes equally often, but for one: a rare class goes round, of a common one a part is left
    out that differs from epoch to epoch.

    Args:
        rows: that may be drawn.
        target_R: their classes.
        power: 0 = all classes alike, 1 = every row once.
        key: (seed, repeat, fold, epoch); nothing else decides what is drawn.
    """
    random = np.random.default_rng((*key, DRAWS))
    counts_C = np.bincount(target_R)
    wanted_C = class_shares(counts_C, power) * len(rows)
    quota_C = np.floor(wanted_C).astype(np.int64)
    rest = len(rows) - int(quota_C.sum())
    quota_C[np.argsort(quota_C - wanted_C, kind="stable")[:rest]] += 1  # the largest remainders
    drawn = []
    for place in np.flatnonzero(quota_C):
        of_class = rows[target_R == place]
        rounds, more = divmod(int(quota_C[place]), len(of_class))
        drawn += [np.tile(of_class, rounds), random.permutation(of_class)[:more]]
    return np.sort(np.concatenate(drawn))
