"""Metrics of the rows of a fold or a run, of no more than each needs, and to the bit what it returns itself."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.contract import Floats, Metric, Targets, finite_or_nan
from trainer.metrics.predictions import one_against_rest
from trainer.metrics.ranking import ranking
from trainer.metrics.weighted import FromCounts, confusion_cells
from trainer.metrics.weighted_ranks import FromRanks
from trainer.tasks import Task

OWN = "trainer.metrics."  # of these it is known that they look at their weights


def values_of(metrics: Mapping[str, Metric], task: Task, target: Targets, proba: Floats) -> dict[str, float]:
    """Return the values of metrics by name.

    Those that are made of counts are computed of the cells of the confusion matrix, which weigh as much as they have
    rows; those of ranks sort each column once for all of them. What is summed are whole numbers, so no bit is another.

    Args:
        metrics: by name.
        task: what was to be predicted.
        target: (N,) or (N, L), see ``Metric``.
        proba: (N, C) or (N, L).
    """
    own = {name: metric for name, metric in metrics.items() if metric.compute.__module__.startswith(OWN)}
    ranked = {name: metric.make_meter for name, metric in own.items() if isinstance(metric.make_meter, FromRanks)}
    values = _of_ranks(ranked, task, target, proba)
    counted = [name for name, metric in own.items() if isinstance(metric.make_meter, FromCounts)]
    if counted and task.one_class_each:
        true_M, said_M, rows_M = cells(target, task.predicted(proba), proba.shape[1])
        likely_MC = np.eye(proba.shape[1])[said_M]
        values |= {name: own[name](true_M, likely_MC, rows_M.astype(np.float64)) for name in counted}
    return {name: values[name] if name in values else metric(target, proba) for name, metric in metrics.items()}


def cells(
    target: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return true and predicted class of each cell of the confusion matrix that is not empty (M,), and its rows."""
    true_M, said_M, cell_N = confusion_cells(target, predicted, n_classes)
    return true_M, said_M, np.bincount(cell_N)


def _of_ranks(metrics: Mapping[str, FromRanks], task: Task, target: Targets, proba: Floats) -> dict[str, float]:
    """Return the mean of each metric over the columns; NaN where one of them has none."""
    if not metrics:
        return {}
    found = [
        {name: of.of_all(one) for name, of in metrics.items()}
        for one in (ranking(*column) for column in one_against_rest(task, target, proba))
    ]
    return {name: finite_or_nan(float(np.mean([one[name] for one in found]))) for name in metrics}
