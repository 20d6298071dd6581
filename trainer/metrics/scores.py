"""Metrics by scikit-learn on the whole of a fold's predictions."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.metrics.predictions import as_probabilities, read_only

# micro F1 of a single-label task is its accuracy, so the default list leaves it out
_DEFAULT_SINGLE = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "mcc",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
)
_DEFAULT_MULTI = (
    "hamming_loss",
    "subset_accuracy",
    "f1_micro",
    "f1_macro",
    "lrap",
    "roc_auc",
    "average_precision",
)


def default_metrics(task: str) -> tuple[str, ...]:
    """Return the metrics reported when none are named; the first leads the tables and picks the epoch."""
    return _DEFAULT_MULTI if task == "multilabel" else _DEFAULT_SINGLE


def score(names: Sequence[str], task: str, target: NDArray[np.int64], proba: NDArray[np.float32]) -> dict[str, float]:
    """Compute metrics on whole arrays.

    Args:
        names: of metrics that are defined for the task.
        task: binary, multiclass or multilabel.
        target: (N,) class index; multi-label (N, L) of 0/1.
        proba: (N, C) rows summing to about 1, with C=2 for binary; multi-label (N, L).

    Returns:
        Value by name. NaN where the metric is undefined: no rows, a probability that is not finite, or a
        ranking metric (``roc_auc``, ``average_precision``) of a class that these rows lack.
    """
    if len(target) == 0 or not np.isfinite(proba).all():
        return dict.fromkeys(names, math.nan)
    target, proba64 = read_only(target, as_probabilities(task, proba))
    return {name: metric_named(name)(target, proba64) for name in names}


def better(a: float, b: float, greater_is_better: bool) -> bool:
    """Say whether ``a`` beats ``b``: NaN never wins, anything beats NaN, a tie is no win."""
    if math.isnan(a):
        return False
    if math.isnan(b):
        return True
    return a > b if greater_is_better else a < b
