"""What the baselines of all folds come to, next to the run: the same metrics on the same held-out rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.metrics.scores import score
from trainer.metrics.summary import lead_interval, mean_of_defined
from trainer.results import Baseline, CVResult, FoldResult, Lead, MetricSummary, OutOfFold
from trainer.store.baseline_files import FoldBaseline, read_baselines


@dataclass(frozen=True)
class Run:
    """A run that is merged.

    Attributes:
        result: its numbers.
        oof: its predictions.
        folds: what each fold found, by number.
    """

    result: CVResult
    oof: OutOfFold
    folds: Mapping[int, FoldResult]


def baseline_results(run: Run, directories: Mapping[int, Path], made_of: Mapping[str, Any]) -> dict[str, Baseline]:
    """Return the baselines that every fold has, with their metrics, and why others were skipped.

    Args:
        run: as merged.
        directories: where each fold is.
        made_of: content of the run's identity.
    """
    read = {number: read_baselines(directory, made_of) for number, directory in directories.items()}
    names = list(dict.fromkeys(name for found in read.values() for name in found))
    by_name = {name: {number: found.get(name) for number, found in read.items()} for name in names}
    return {name: _result(found, run) for name, found in by_name.items()}


def _result(found: Mapping[int, FoldBaseline | None], run: Run) -> Baseline:
    known = [one for one in found.values() if one is not None]
    model, seconds = known[0].model, sum(one.seconds for one in known)
    proba = {
        number: one.proba
        for number, one in found.items()
        if one is not None and one.proba is not None and one.proba.shape == run.folds[number].proba.shape
    }
    if len(proba) < len(found):
        why = next((one.skipped for one in known if one.skipped), "the other folds lack it")
        some = f"fitted in {len(proba)} of {len(found)} folds: " if proba else ""
        return Baseline(model, seconds=seconds, skipped=f"{some}{why}")
    parts = {number: _as_fold(number, proba[number], run) for number in sorted(proba)}
    pooled, primary = _pooled(parts.values(), run.oof), run.result.primary
    metrics = _summaries(list(parts.values()), pooled, run)
    leads = {name: _lead(name, parts, metrics[name], run) for name in metrics}
    interval = lead_interval(primary, run.result.task, run.oof, pooled)
    return Baseline(model, metrics, {**leads, primary: replace(leads[primary], ci95=interval)}, seconds)


def _as_fold(number: int, proba: NDArray[np.float64], run: Run) -> FoldResult:
    """Return a fold of the run with what the baseline predicted."""
    part, oof = run.folds[number], run.oof
    target = oof.target[(oof.repeat == part.repeat) & (oof.fold == part.fold)]
    metrics = score(list(run.result.metrics), run.result.task, target, proba.astype(part.proba.dtype))
    return replace(part, proba=proba, metrics=metrics)


def _pooled(parts: Iterable[FoldResult], oof: OutOfFold) -> NDArray[np.float64]:
    """Return what the baseline predicted in the order of the out-of-fold rows, in the precision of the run's."""
    proba = np.full(oof.proba.shape, np.nan, dtype=oof.proba.dtype)
    for part in parts:
        proba[(oof.repeat == part.repeat) & (oof.fold == part.fold)] = part.proba
    return proba


def _summaries(parts: Sequence[FoldResult], pooled: NDArray[Any], run: Run) -> dict[str, MetricSummary]:
    names, oof = list(run.result.metrics), run.oof
    repeats = [oof.repeat == repeat for repeat in np.unique(oof.repeat)]
    scores = [score(names, run.result.task, oof.target[rows_M], pooled[rows_M]) for rows_M in repeats]
    summaries = {}
    for name in names:
        values = np.array([part.metrics[name] for part in parts])
        mean, out_of_fold = mean_of_defined(values), mean_of_defined([one[name] for one in scores])
        summaries[name] = MetricSummary(tuple(values.tolist()), mean, _sd(values), out_of_fold, None)
    return summaries


def _lead(name: str, parts: Mapping[int, FoldResult], baseline: MetricSummary, run: Run) -> Lead:
    """Return by how much the run is ahead on the same folds."""
    sign = 1 if metric_named(name).greater_is_better else -1
    gaps = np.array([sign * (run.folds[number].metrics[name] - part.metrics[name]) for number, part in parts.items()])
    oof = sign * (run.result.metrics[name].oof - baseline.oof)
    return Lead(tuple(gaps.tolist()), mean_of_defined(gaps), _sd(gaps), oof)


def _sd(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0
