"""Each group is held out once, by itself: scikit-learn's LeaveOneGroupOut. Fold k holds out the k-th group by name."""

from collections.abc import Iterator

from trainer.folds.request import Pair, SplitRequest

GROUPS = "must"
SHUFFLE = "no"
N_SPLITS = False


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each group for a target of (N,) or (N, L)."""
    from sklearn.model_selection import LeaveOneGroupOut

    yield from LeaveOneGroupOut().split(request.target, groups=request.groups_N)
