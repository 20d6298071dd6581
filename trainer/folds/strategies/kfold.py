"""Folds without regard to the labels: scikit-learn's KFold."""

from collections.abc import Iterator

from trainer.folds.request import Pair, SplitRequest

GROUPS = "no"
SHUFFLE = "may"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold for a target of (N,) or (N, L)."""
    from sklearn.model_selection import KFold

    folds = KFold(request.n_splits, shuffle=request.shuffle, random_state=request.seed)
    yield from folds.split(request.target)
