"""Each fold has the classes in the proportions of the whole: scikit-learn's StratifiedKFold."""

import warnings
from collections.abc import Iterator

from trainer.folds.request import Pair, SplitRequest

GROUPS = "no"
SHUFFLE = "may"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold for a target of (N,)."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(request.n_splits, shuffle=request.shuffle, random_state=request.seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # a note says it (cv.rare=allow)
        pairs = list(folds.split(request.target, request.target))
    yield from pairs
