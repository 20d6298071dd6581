"""Metrics by scikit-learn on the whole of a fold's predictions."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.condensed import values_of
from trainer.metrics.find import metric_named
from trainer.metrics.predictions import read_only
from trainer.tasks import Target, Task


def score(names: Sequence[str], task: Task, target: Target, proba: NDArray[np.float32]) -> dict[str, float]:
    """Compute metrics on whole arrays.

    Args:
        names: of metrics that are defined for the task.
        task: what was to be predicted.
        target: (N,) class index; multi-label (N, L) of 0/1.
        proba: (N, C) rows summing to about 1, with C=2 for binary; multi-label (N, L).

    Returns:
        Value by name. NaN where the metric is undefined: no rows, a probability that is not finite, or a
        ranking metric (``roc_auc``, ``average_precision``) of a class that these rows lack.
    """
    if len(target) == 0 or not np.isfinite(proba).all():
        return dict.fromkeys(names, math.nan)
    target, proba64 = read_only(target, task.as_float64(proba))
    return values_of({name: metric_named(name) for name in names}, task, target, proba64)


def better(a: float, b: float, greater_is_better: bool) -> bool:
    """Say whether ``a`` beats ``b``: NaN never wins, anything beats NaN, a tie is no win."""
    if math.isnan(a):
        return False
    if math.isnan(b):
        return True
    return a > b if greater_is_better else a < b
