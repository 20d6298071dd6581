"""Rows of one group stay in one fold, whatever their labels: scikit-learn's GroupKFold."""

from collections.abc import Iterator

from trainer.folds.request import Pair, SplitRequest

GROUPS = "must"
SHUFFLE = "may"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold for a target of (N,) or (N, L)."""
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(request.n_splits, shuffle=request.shuffle, random_state=request.seed)
    yield from folds.split(request.target, groups=request.groups_N)
