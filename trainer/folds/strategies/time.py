"""Train on what came before, hold out what comes next: scikit-learn's TimeSeriesSplit over the distinct times.

Rows of the same time are never on both sides. Gap and window count distinct times; where each row has a time of its
own, that is rows.
"""

from collections.abc import Iterator

import numpy as np

from trainer.errors import DataError
from trainer.folds.request import Pair, SplitRequest

GROUPS = "no"
SHUFFLE = "no"
N_SPLITS = True


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield (training, held-out) row numbers of each fold, the earliest first.

    The training part grows from fold to fold, or slides where ``options.window`` is given.

    Raises:
        DataError: too few distinct times.
    """
    from sklearn.model_selection import TimeSeriesSplit

    assert request.times_N is not None
    options, (times, step_N) = request.options, np.unique(request.times_N, return_inverse=True)
    test_size = len(times) // (request.n_splits + 1)
    if test_size == 0 or len(times) - options.gap - test_size * request.n_splits <= 0:
        raise DataError(
            f"{len(times)} distinct times are too few for cv.n_splits={request.n_splits} with cv.gap={options.gap}: "
            "the first fold would have nothing to train on; use fewer folds or a smaller gap"
        )
    folds = TimeSeriesSplit(request.n_splits, gap=options.gap, max_train_size=options.window)
    for before, after in folds.split(times):  # steps; both are runs without holes
        train_N = (step_N >= before[0]) & (step_N <= before[-1])
        yield np.flatnonzero(train_N), np.flatnonzero((step_N >= after[0]) & (step_N <= after[-1]))
