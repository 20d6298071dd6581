"""Rows of one group stay in one fold, the classes as even as that allows: scikit-learn's StratifiedGroupKFold."""

import warnings
from collections.abc import Iterator

from trainer.folds.request import Pair, SplitRequest

GROUPS = "must"
SHUFFLE = "may"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold for a target of (N,)."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(request.n_splits, shuffle=request.shuffle, random_state=request.seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # a note says it (cv.rare=allow)
        pairs = list(folds.split(request.target, request.target, request.groups_N))
    yield from pairs
