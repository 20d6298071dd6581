"""From what the folds found to what is reported: mean and spread, interval, optimism."""

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.bootstrap import percentile_interval, resample
from trainer.metrics.find import metric_named
from trainer.metrics.scores import better, score
from trainer.results import FoldResult, MetricSummary, OutOfFold
from trainer.tasks import Task


def summarise(
    folds: Sequence[FoldResult],
    oof: OutOfFold,
    *,
    names: Sequence[str],
    task: Task,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, MetricSummary]:
    """Return mean, spread, pooled value and 95 % interval per metric.

    With repeats the pooled value is the mean over repeats, and a bootstrap resample draws the same input rows
    in every repeat, so the interval speaks of the rows and not of the splits; a repeat that holds out only some of
    the rows takes those of them that were drawn. Where rows have groups, groups are drawn with all their rows; of a
    single group there is no interval.

    A fold or a repeat in which the metric is undefined enters no mean; mean and spread are over the others.
    """
    ordered = sorted(folds, key=lambda part: (part.repeat, part.fold))
    row_M = row_numbers(oof)
    parts, group_U, n_groups = rows_of_repeats(oof), groups_of_rows(oof, row_M), count_groups(oof)
    points = [score(names, task, oof.target[part], oof.proba[part]) for part in parts]
    draws = [
        resample(
            names,
            task,
            oof.target[part],
            oof.proba[part],
            n_resamples,
            seed,
            rows=row_M[part] if len(parts) > 1 else None,
            n_rows=int(row_M.max()) + 1,
            group_N=group_U,
        )
        for part in parts
    ]
    summaries = {}
    for name in names:
        values = np.array([part.metrics[name] for part in ordered])
        known = [repeat for repeat, point in enumerate(points) if not math.isnan(point[name])]
        oof_value = float(np.mean([points[repeat][name] for repeat in known])) if known else math.nan
        drawn = np.mean([draws[repeat][name] for repeat in known], axis=0) if known and n_groups != 1 else np.zeros(0)
        defined = values[~np.isnan(values)]
        summaries[name] = MetricSummary(
            folds=tuple(values.tolist()),
            mean=mean_of_defined(values),
            sd=float(defined.std(ddof=1)) if len(defined) > 1 else 0.0,
            oof=oof_value,
            ci95=percentile_interval(drawn),
        )
    return summaries


def count_groups(oof: OutOfFold) -> int | None:
    """Return how many groups intervals are drawn from; None = rows, since there are no groups of several rows."""
    if oof.group is None:
        return None
    n_groups, n_rows = len(np.unique(oof.group)), int(row_numbers(oof).max()) + 1
    return n_groups if n_groups < n_rows else None


def groups_of_rows(oof: OutOfFold, row_M: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return (U,) the group of each row that ``row_M`` numbers, groups numbered from 0; None where rows are drawn."""
    if oof.group is None or count_groups(oof) is None:
        return None
    group_U = np.zeros(int(row_M.max()) + 1, dtype=np.int64)
    group_U[row_M] = np.unique(oof.group, return_inverse=True)[1]
    return group_U


def lead_interval(
    name: str, task: Task, oof: OutOfFold, other: NDArray[np.float64], *, n_resamples: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """Return the percentile bootstrap interval (95 %) of how much better the predictions are than other ones.

    The same rows, or groups, are drawn for both, as in ``summarise``; positive is better in every metric.

    Args:
        name: of a metric.
        task: what is predicted.
        oof: the predictions.
        other: (M, n_classes) or (M, L) other predictions of the same rows; of numbers (M, 1).
        n_resamples: resamples.
        seed: of the drawing.
    """
    row_M, drawn = row_numbers(oof), []
    group_U = groups_of_rows(oof, row_M)
    if count_groups(oof) == 1:
        return None
    parts = rows_of_repeats(oof)
    for part in parts:
        ours, theirs = (
            resample(
                [name],
                task,
                oof.target[part],
                proba[part],
                n_resamples,
                seed,
                rows=row_M[part] if len(parts) > 1 else None,
                n_rows=int(row_M.max()) + 1,
                group_N=group_U,
            )[name]
            for proba in (oof.proba, other.astype(oof.proba.dtype))
        )
        drawn.append(ours - theirs if metric_named(name).greater_is_better else theirs - ours)
    return percentile_interval(np.mean(drawn, axis=0))


def rows_of_repeats(oof: OutOfFold) -> list[slice]:
    """Return the entries of each repeat, which lie one after the other: views of very many rows cost no memory."""
    starts = [0, *(np.flatnonzero(oof.repeat[1:] != oof.repeat[:-1]) + 1).tolist(), len(oof.repeat)]
    return [slice(*ends) for ends in pairwise(starts)]


def mean_of_defined(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the mean of the values that are defined, NaN where none is."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else math.nan


def row_numbers(oof: OutOfFold) -> NDArray[np.int64]:
    """Number the rows that are held out in any repeat, in the order in which they first occur."""
    if (oof.repeat == oof.repeat[:1]).all():  # each row is there once
        return np.arange(len(oof.ids))
    _, first_U, word_M = np.unique(oof.ids, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_U))[word_M]


def optimism(folds: Sequence[FoldResult], names: Sequence[str]) -> dict[str, float]:
    """Return by how much scoring each fold at the epoch it picked itself flatters, per metric.

    The honest score of a fold is its score at the epoch that the *other* folds of its repeat pick: the best
    epoch of their mean curve of ``names[0]``, among the epochs all folds of the repeat reached. The optimism
    is the mean over folds of own score minus honest score, turned so that positive always means flattering.

    Args:
        folds: trained with the held-out rows as monitor (``select=fold``).
        names: metrics; the first picks the epoch.

    Returns:
        Optimism by name, over the folds where it is defined; NaN where there is no other fold or no finite curve. Empty
        without monitored metrics.
    """
    if not all(record.monitor for part in folds for record in part.epochs):
        return {}
    gaps: dict[str, list[float]] = {name: [] for name in names}
    for _, group in groupby(sorted(folds, key=lambda part: part.repeat), key=lambda part: part.repeat):
        repeat_folds = list(group)
        common = min(len(part.epochs) for part in repeat_folds)
        for part in repeat_folds:
            others = [other for other in repeat_folds if other is not part]
            epoch = _best_common_epoch(others, names[0], common)
            for name in names:
                gaps[name].append(_gap(part, name, epoch))
    return {name: mean_of_defined(values) for name, values in gaps.items()}


def _best_common_epoch(folds: Sequence[FoldResult], name: str, n_epochs: int) -> int | None:
    """Return the index of the best epoch of the mean curve, the earliest on a tie.

    A fold whose whole curve is undefined has no say.
    """
    folds = [part for part in folds if not all(math.isnan(record.monitor[name]) for record in part.epochs[:n_epochs])]
    best: int | None = None
    best_value = math.nan
    for i in range(n_epochs if folds else 0):
        value = math.fsum(part.epochs[i].monitor[name] for part in folds) / len(folds)
        if better(value, best_value, metric_named(name).greater_is_better):
            best, best_value = i, value
    return best


def _gap(part: FoldResult, name: str, honest_epoch: int | None) -> float:
    if honest_epoch is None:
        return math.nan
    own = next(record for record in part.epochs if record.epoch == part.best_epoch)
    gap = own.monitor[name] - part.epochs[honest_epoch].monitor[name]
    return gap if metric_named(name).greater_is_better else -gap
