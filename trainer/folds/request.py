"""What a splitting strategy is asked, and what it answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RowNumbers = NDArray[np.int64]
Pair = tuple[RowNumbers, RowNumbers]  # (training, held-out) row numbers, as scikit-learn's splitters yield them


@dataclass(frozen=True)
class SplitOptions:
    """Settings of single strategies.

    Attributes:
        rare: refuse, merge, keep_in_train or allow: what happens to classes too rare to be in every fold.
        gap: distinct times left out before each held-out part (``time``).
        window: most distinct times to train on (``time``); None = all that came before.
        holdout_fraction: share of the rows held out (``holdout``).
        overlap: refuse given folds that hold a few rows out twice, or take each for a repeat (``repeats``).
    """

    rare: str = "refuse"
    gap: int = 0
    window: int | None = None
    holdout_fraction: float = 0.2
    overlap: str = "refuse"


@dataclass(frozen=True)
class SplitRequest:
    """One split of all rows.

    Attributes:
        target: (N,) class index, or (N, L) of 0/1.
        n_splits: folds wanted.
        shuffle: shuffle before splitting.
        random_state: seed of the shuffle.
        groups_N: rows of one group belong together, or None.
        times_N: when each row happened, or None.
        pairs: folds that are given, or None.
        options: settings of single strategies.
    """

    target: NDArray[np.int64]
    n_splits: int
    shuffle: bool = True
    random_state: int = 42
    groups_N: NDArray[np.str_] | None = None
    times_N: NDArray[np.float64] | NDArray[np.int64] | None = None
    pairs: tuple[Pair, ...] | None = None
    options: SplitOptions = SplitOptions()

    @property
    def seed(self) -> int | None:
        """``random_state`` under ``shuffle``, else None: scikit-learn refuses a seed without effect."""
        return self.random_state if self.shuffle else None
