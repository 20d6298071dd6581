"""Rows of one group stay in one fold, the classes as even as that allows: scikit-learn's StratifiedGroupKFold."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

KEEPS_GROUPS = True


def split(
    target: NDArray[np.int64], groups_N: NDArray[np.str_] | None, *, n_splits: int, shuffle: bool, random_state: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the held-out row numbers of each fold for ``target`` (N,)."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits, shuffle=shuffle, random_state=random_state if shuffle else None)
    yield from (held_out for _, held_out in folds.split(target, target, groups_N))
