"""Iterative stratification for multi-label rows.

Source: Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011, algorithm 1.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

KEEPS_GROUPS = False


def split(
    target: NDArray[np.int64], groups_N: NDArray[np.str_] | None, *, n_splits: int, shuffle: bool, random_state: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the held-out row numbers of each fold for ``target`` (N, L) of 0/1.

    The rarest label is dealt out first, each of its rows to the fold that wants the label most; ties go to the fold
    that wants rows most, then to chance (``shuffle``) or the first fold.
    """
    random = np.random.default_rng(random_state) if shuffle else None
    fold_N = np.full(len(target), -1, dtype=np.int64)
    wanted_rows_K = np.full(n_splits, len(target) / n_splits)
    wanted_KL = np.tile(target.sum(axis=0) / n_splits, (n_splits, 1))
    left = target.astype(bool)
    while left.any():
        counts_L = left.sum(axis=0)
        label = int(np.where(counts_L > 0, counts_L, np.iinfo(np.int64).max).argmin())
        for row in np.flatnonzero(left[:, label]):
            fold = _most_wanting(wanted_KL[:, label], wanted_rows_K, random)
            fold_N[row] = fold
            wanted_KL[fold] -= target[row]
            wanted_rows_K[fold] -= 1
            left[row] = False
    for row in np.flatnonzero(fold_N < 0):
        fold = _most_wanting(wanted_rows_K, wanted_rows_K, random)
        fold_N[row] = fold
        wanted_rows_K[fold] -= 1
    yield from (np.flatnonzero(fold_N == fold) for fold in range(n_splits))


def _most_wanting(
    first_K: NDArray[np.float64], second_K: NDArray[np.float64], random: np.random.Generator | None
) -> int:
    tied = np.flatnonzero(np.isclose(first_K, first_K.max()))
    tied = tied[np.isclose(second_K[tied], second_K[tied].max())]
    return int(tied[0] if random is None or len(tied) == 1 else random.choice(tied))
