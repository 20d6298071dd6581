"""Which candidate and epoch the inner fits of a fold speak for, and how that is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError, NonFiniteError
from trainer.metrics.find import metric_named
from trainer.run.experiment import Candidate, Experiment
from trainer.store.inner_fits import InnerFit


@dataclass(frozen=True)
class Pick:
    """What the inner folds of a fold picked.

    Attributes:
        candidate: the settings.
        epoch: from 1.
        score: mean of the metric over the inner folds at that epoch.
        mean_CE: (candidates, epochs) mean inner curves; NaN where a candidate diverged.
    """

    candidate: Candidate
    epoch: int
    score: float
    mean_CE: NDArray[np.float64]


def choose(experiment: Experiment, fits_CK: list[list[InnerFit]]) -> Pick:
    """Pick the candidate and, under ``select=inner``, the epoch by the mean inner curve of the first metric.

    Of equal scores the earliest epoch wins, then the earliest candidate; where a curve begins with equal scores, the
    last of these, since nothing could be told apart till then (as ``Selection`` has it). Inner folds on which the
    metric is not defined for any candidate are left out of the mean; a candidate that diverged on any inner fold is
    never picked.

    Raises:
        NonFiniteError: every candidate diverged.
        DataError: the metric is not defined on any inner fold.
    """
    settings = experiment.recipe.settings
    metric, n_epochs = settings.metrics[0], settings.max_epochs
    reasons_C = [next((fit.diverged for fit in fits if fit.diverged), None) for fits in fits_CK]
    if all(reasons_C):
        raise NonFiniteError(f"every candidate diverged on the inner folds, the first so: {reasons_C[0]}")
    mean_CE = mean_curves([None if reasons_C[i] else fits for i, fits in enumerate(fits_CK)], metric, n_epochs)
    start = 0 if experiment.cv.select == "inner" else n_epochs - 1
    sign = 1.0 if metric_named(metric).greater_is_better else -1.0
    ordered_EC = sign * mean_CE.T[start:]
    if np.isnan(ordered_EC).all():
        raise DataError(
            f"{metric} is not defined on any inner fold, so it cannot pick: a class is missing there\n"
            "use fewer cv.inner.n_splits, or lead metrics.names with another metric"
        )
    epoch, number = divmod(int(np.nanargmax(ordered_EC)), len(fits_CK))
    epoch += start + (equal_at_start(ordered_EC[:, number]) - 1 if epoch == 0 else 0)
    return Pick(experiment.candidates[number], epoch + 1, float(mean_CE[number, epoch]), mean_CE)


def equal_at_start(scores_E: NDArray[np.float64]) -> int:
    """Return how many scores, from the first on, are equal to it."""
    return int(np.logical_and.accumulate(scores_E == scores_E[0]).sum())


def mean_curves(fits_CK: Sequence[list[InnerFit] | None], metric: str, n_epochs: int) -> NDArray[np.float64]:
    """Return (C, E) mean curves of a metric over the inner folds; NaN for a candidate that is None."""
    curves = [None if fits is None else [[e.monitor[metric] for e in fit.epochs] for fit in fits] for fits in fits_CK]
    sound_SKE = np.array([curve for curve in curves if curve is not None])
    defined_K = ~np.isnan(sound_SKE).all(axis=(0, 2))
    mean_CE = np.full((len(fits_CK), n_epochs), np.nan)
    if defined_K.any():
        mean_CE[[curve is not None for curve in curves]] = sound_SKE[:, defined_K].mean(axis=1)
    return mean_CE


def picked_facts(experiment: Experiment, pick: Pick, fits_CK: list[list[InnerFit]]) -> dict[str, Any]:
    """Return what was picked and from how many, as plain values for the fold's result."""
    return {
        "values": pick.candidate.values,
        "epoch": pick.epoch,
        "metric": experiment.recipe.settings.metrics[0],
        "score": pick.score,
        "candidates": len(fits_CK),
        "inner_folds": len(fits_CK[0]),
        "diverged": sum(any(fit.diverged for fit in fits) for fits in fits_CK),
    }


def curve_facts(
    experiment: Experiment, picked: dict[str, Any], fits_CK: list[list[InnerFit]], mean_CE: NDArray[np.float64]
) -> dict[str, Any]:
    """Return every candidate's scores per inner fold and epoch, as JSON knows them."""
    metric = picked["metric"]
    tried = [
        {
            "values": candidate.values,
            "mean": _numbers(mean_E),
            "inner": [_numbers(epoch.monitor[metric] for epoch in fit.epochs) for fit in fits],
            "diverged": [fit.diverged for fit in fits],
        }
        for candidate, fits, mean_E in zip(experiment.candidates, fits_CK, mean_CE, strict=True)
    ]
    return {"picked": picked, "candidates": tried}


def _numbers(values: Iterator[float] | NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
