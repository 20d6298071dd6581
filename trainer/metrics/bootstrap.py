"""Percentile bootstrap over rows, or over whole groups: the intervals of a metric list in well under a second.

Groups are drawn with all their rows where rows of one group are alike (Davison, Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8; Field, Welsh, "Bootstrapping clustered data", 2007: the randomised cluster bootstrap).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.metrics.weighted import weighted_metrics
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]

_CHUNK_CELLS = 300_000  # N x B handled at a time: stays in the processor's cache
_FULL_CELLS = 200_000  # rows x classes; above it fewer resamples are drawn
_MIN_RESAMPLES = 200
_MAX_CALLS = 200  # resamples of a metric without ``make_meter``: it is called once for each
_MIN_CALLS = 50
_FEW_DRAWS = 16  # at a time: each then lies together in memory, and meters take them one by one, several times as fast
_MIN_DEFINED = 0.9  # share of resamples in which a metric must be defined


def confidence_interval(
    name: str,
    task: Task,
    target: Target,
    proba: NDArray[np.float32],
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the 95 % interval of one metric, or None where it is undefined. See ``resample``."""
    return percentile_interval(resample([name], task, target, proba, n_resamples, seed)[name])


def percentile_interval(values_R: Floats) -> tuple[float, float] | None:
    """Return the 2.5 and 97.5 percentiles of the resampled values.

    Resamples without a value (AUC of a class that was not drawn) are left out; None when that is more than a
    tenth of them.
    """
    defined = values_R[np.isfinite(values_R)]
    if len(values_R) == 0 or len(defined) < _MIN_DEFINED * len(values_R):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def resample(
    names: Sequence[str],
    task: Task,
    target: Target,
    proba: NDArray[np.float32],
    n_resamples: int = 1000,
    seed: int = 0,
    *,
    rows: NDArray[np.int64] | None = None,
    n_rows: int | None = None,
    group_N: NDArray[np.int64] | None = None,
) -> dict[str, Floats]:
    """Compute metrics on rows, or groups of rows, drawn with replacement.

    The same are drawn for all names and for every call with the same number of rows or groups and seed, so values
    of two models or repeats can be compared resample by resample. Above 200,000 probabilities (rows x
    classes) fewer resamples are drawn, in inverse proportion but never fewer than 200: ranking metrics cost
    that much per resample. A metric without ``make_meter`` has the first 200 of them, and above that size fewer,
    in inverse proportion but never fewer than 50.

    Args:
        names: of metrics that are defined for the task.
        task: what was to be predicted.
        target: (N,) class index; multi-label (N, L).
        proba: (N, C), with C=2 for binary; multi-label (N, L).
        n_resamples: R.
        seed: of the drawing.
        rows: (N,) distinct numbers of these rows among those that are drawn; None = these are all.
        n_rows: how many rows are drawn from, for ``rows``.
        group_N: (n_rows,) the group of each row that is drawn from, numbered from 0; as many groups are drawn as there
            are, each with all its rows. None = rows are drawn.

    Returns:
        (R,) values by name, or fewer (see above); NaN where undefined.
    """
    drawn_from = len(target) if n_rows is None else n_rows
    cells = drawn_from * proba.shape[1]
    n_resamples = _fewer(n_resamples, cells, _MIN_RESAMPLES)
    wanted = {name: _affordable(name, n_resamples, cells) for name in names}
    if len(target) == 0 or not np.isfinite(proba).all():
        return {name: np.full(wanted[name], math.nan) for name in names}
    if rows is not None and np.array_equal(rows, np.arange(drawn_from)):
        rows = None  # all of them as they are: nothing is to be picked out of each draw
    meters = weighted_metrics(names, task, target, proba)
    values: dict[str, list[Floats]] = {name: [] for name in names}
    for drawn_NB in _draws(drawn_from, n_resamples, seed, group_N):
        weights_NB, nothing_B = _of_rows(drawn_NB, rows)
        for name, meter in meters.items():
            b = min(len(nothing_B), wanted[name] - sum(map(len, values[name])))
            if b > 0:
                some_NB = weights_NB if b == len(nothing_B) else weights_NB[:, :b]  # itself: some meters share counts
                values[name].append(np.where(nothing_B[:b], math.nan, meter(some_NB)))
    return {name: np.concatenate(parts) for name, parts in values.items()}


@dataclass(frozen=True)
class Predictions:
    """Predictions of some of the rows that are drawn from.

    Attributes:
        target: (N,) class index; multi-label (N, L).
        proba: (N, C), with C=2 for binary; multi-label (N, L).
        rows: (N,) distinct numbers of these rows among those that are drawn; None = these are all.
    """

    target: Target
    proba: NDArray[Any]
    rows: NDArray[np.int64] | None = None


def resample_together(
    name: str,
    task: Task,
    predictions: Sequence[Predictions],
    *,
    n_rows: int,
    group_N: NDArray[np.int64] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Floats:
    """Compute one metric of several predictions on the same rows, or groups of rows, drawn with replacement.

    Fewer resamples are drawn as in ``resample``, where all predictions together are what is counted.

    Args:
        name: of a metric.
        task: what was to be predicted.
        predictions: K of them, of the same rows or of others among those that are drawn from.
        n_rows: how many rows are drawn from.
        group_N: (n_rows,) the group of each, numbered from 0; None = rows are drawn.
        n_resamples: R.
        seed: of the drawing.

    Returns:
        (K, R) values, or fewer; NaN where undefined.
    """
    n_resamples, of_each = _measuring(name, task, predictions, n_rows, n_resamples)
    return np.concatenate([of_each(drawn_NB) for drawn_NB in _draws(n_rows, n_resamples, seed, group_N)], axis=1)


def resample_with_rest(
    name: str,
    task: Task,
    predictions: Sequence[Predictions],
    *,
    n_rows: int,
    group_N: NDArray[np.int64] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Compute one metric on rows drawn as in ``resample_together``, and on those that each draw leaves out.

    Returns:
        (K, R) values on the rows drawn and (K, R) on the others, or fewer; NaN where undefined.
    """
    by_row = [replace(one, rows=np.arange(n_rows)) if one.rows is None else one for one in predictions]
    n_resamples, of_each = _measuring(name, task, by_row, n_rows, n_resamples)
    draws = _draws(n_rows, n_resamples, seed, group_N)
    pairs = [(of_each(drawn_NB), of_each((drawn_NB == 0).astype(np.float64))) for drawn_NB in draws]
    drawn_KR, rest_KR = (np.concatenate(found, axis=1) for found in zip(*pairs, strict=True))
    return drawn_KR, rest_KR


def _measuring(
    name: str, task: Task, predictions: Sequence[Predictions], n_rows: int, n_resamples: int
) -> tuple[int, Callable[[Floats], Floats]]:
    """Return how many resamples are affordable, and what measures each prediction (K, B) on rows as often as drawn."""
    cells = n_rows * sum(one.proba.shape[1] for one in predictions)
    meters = [weighted_metrics([name], task, one.target, one.proba)[name] for one in predictions]

    def of_each(drawn_NB: Floats) -> Floats:
        values = []
        for one, meter in zip(predictions, meters, strict=True):
            weights_NB, nothing_B = _of_rows(drawn_NB, one.rows)
            values.append(np.where(nothing_B, math.nan, meter(weights_NB)))
        return np.stack(values)

    return _affordable(name, _fewer(n_resamples, cells, _MIN_RESAMPLES), cells), of_each


def _of_rows(drawn_NB: Floats, rows: NDArray[np.int64] | None) -> tuple[Floats, NDArray[np.bool_]]:
    """Return how often these rows are drawn, all once where none of them is, and in which draws none is."""
    if rows is None:
        return drawn_NB, np.zeros(drawn_NB.shape[1], dtype=bool)
    weights_NB = _taken(drawn_NB, rows)
    nothing_B = np.asarray(~weights_NB.any(axis=0))
    weights_NB[:, nothing_B] = 1.0
    return weights_NB, nothing_B


def _affordable(name: str, n_resamples: int, cells: int) -> int:
    """Return for how many resamples a metric is computed; one without ``make_meter`` is called once for each."""
    if metric_named(name).make_meter is not None:
        return n_resamples
    return min(n_resamples, _fewer(_MAX_CALLS, cells, _MIN_CALLS))


def _fewer(n_resamples: int, cells: int, least: int) -> int:
    """Return how many resamples are affordable for rows x classes."""
    return n_resamples if cells <= _FULL_CELLS else min(n_resamples, max(least, n_resamples * _FULL_CELLS // cells))


def _draws(n_rows: int, n_resamples: int, seed: int, group_N: NDArray[np.int64] | None = None) -> Iterator[Floats]:
    """Yield how often each row is drawn, by itself or with its group, (N, B) per chunk of resamples."""
    rng = np.random.default_rng(seed)
    n_units = n_rows if group_N is None else int(group_N.max()) + 1
    chunk = max(1, min(n_resamples, _CHUNK_CELLS // n_rows))
    for start in range(0, n_resamples, chunk):
        b = min(chunk, n_resamples - start)
        units = rng.integers(n_units, size=(n_units, b))
        if chunk <= _FEW_DRAWS:
            of_each = [np.bincount(np.ascontiguousarray(drawn), minlength=n_units) for drawn in units.T]
            del units  # of very many rows each array is much
            drawn_UB = of_each.pop().astype(np.float64)[:, None] if b == 1 else np.array(of_each, dtype=np.float64).T
        else:
            cells = (units * b + np.arange(b)).ravel()
            drawn_UB = np.bincount(cells, minlength=n_units * b).astype(np.float64).reshape(n_units, b)
        yield drawn_UB if group_N is None else _taken(drawn_UB, group_N)


def _taken(drawn_UB: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return some rows of the draws, in memory as these are."""
    return drawn_UB.T[:, rows].T if drawn_UB.flags.f_contiguous else drawn_UB[rows]
