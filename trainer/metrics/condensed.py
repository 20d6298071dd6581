"""Metrics of the rows of a fold or a run, of no more than each needs, and to the bit what it returns itself."""

import math
from collections.abc import Mapping

import numpy as np

from trainer.metrics.contract import Floats, Metric, Targets, finite_or_nan
from trainer.metrics.predictions import one_against_rest
from trainer.metrics.ranking import ranking
from trainer.metrics.weighted import FromCounts
from trainer.metrics.weighted_ranks import FromRanks
from trainer.tasks import Task

OWN = "trainer.metrics."  # of these it is known that they look at their weights


def values_of(metrics: Mapping[str, Metric], task: Task, target: Targets, proba: Floats) -> dict[str, float]:
    """Return the values of metrics by name.

    Those that are made of counts share one count of the rows, and are what their formula says of it, as in the
    bootstrap; those of ranks sort each column once for all of them. The counts are whole numbers, and the formula adds
    in the order of scikit-learn, so no bit is another.

    Args:
        metrics: by name.
        task: what was to be predicted.
        target: (N,) or (N, L), see ``Metric``.
        proba: (N, C) or (N, L).
    """
    own = {name: metric for name, metric in metrics.items() if metric.compute.__module__.startswith(OWN)}
    ranked = {name: metric.make_meter for name, metric in own.items() if isinstance(metric.make_meter, FromRanks)}
    values = _of_ranks(ranked, task, target, proba)
    if task.one_class_each:
        values |= _of_counts(own, task, target, proba)
    return {name: values[name] if name in values else metric(target, proba) for name, metric in metrics.items()}


def _of_counts(metrics: Mapping[str, Metric], task: Task, target: Targets, proba: Floats) -> dict[str, float]:
    """Return the values of the metrics that are of counts, for rows of one class each; NaN where one is undefined."""
    makers = {name: metric.make_meter for name, metric in metrics.items()}
    formulas = {name: maker.formula for name, maker in makers.items() if isinstance(maker, FromCounts)}
    if not formulas:
        return {}
    said_N = task.predicted(proba)
    hit_C, true_C, said_C = (
        np.bincount(classes, minlength=proba.shape[1]).astype(np.float64)
        for classes in (target[target == said_N], target, said_N)
    )
    if not task.yes_or_no:  # scikit-learn knows of no classes but these
        occur_C = true_C + said_C > 0
        hit_C, true_C, said_C = hit_C[occur_C], true_C[occur_C], said_C[occur_C]
    values = {}
    for name, formula in formulas.items():
        undefined = metrics[name].lacks_class(target, proba)
        values[name] = math.nan if undefined else finite_or_nan(float(formula(hit_C, true_C, said_C, False)))
    return values


def _of_ranks(metrics: Mapping[str, FromRanks], task: Task, target: Targets, proba: Floats) -> dict[str, float]:
    """Return the mean of each metric over the columns; NaN where one of them has none."""
    if not metrics:
        return {}
    found = [
        {name: of.of_all(one) for name, of in metrics.items()}
        for one in (ranking(*column) for column in one_against_rest(task, target, proba))
    ]
    return {name: finite_or_nan(float(np.mean([one[name] for one in found]))) for name in metrics}
