"""How far probabilities are from how often they are right: bins, calibration error, parts of the Brier score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.log_scores import SMALLEST
from trainer.metrics.predictions import equal_bins, stated
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
Bins = tuple[tuple[float, float, int], ...]  # mean probability, share right, rows

BINS = 15
DRAWS = 200  # of labels, which say what error calibrated predictions have on so many rows


@dataclass(frozen=True)
class Reliability:
    """What is said about probabilities.

    Attributes:
        log_loss: mean over rows, of labels over cells; a probability of 0 counts as 1e-38.
        ece: expected calibration error, of bins with equally many rows.
        ece_by_chance: what it is on average where the probabilities are right: never 0, as a bin has few rows.
        brier: squared distance: of two classes and of labels of one probability, of more classes summed over them.
        miscalibration: by how much isotonic regression lowers it.
        discrimination: by how much that is below always saying the shares of the classes.
        uncertainty: of always saying those. ``brier`` = miscalibration - discrimination + uncertainty, exactly
            (Dimitriadis, Gneiting, Jordan 2021).
        bins: (mean probability, share right, rows) of each bin.
    """

    log_loss: float
    ece: float
    ece_by_chance: float
    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    bins: Bins


def reliability(task: Task, target: Target, proba_NC: Floats, seed: int = 0) -> Reliability:
    """Describe the probabilities of rows.

    Bins are of the probability of the second of two classes, of more classes of that of the predicted one, of labels of
    all cells together.
    """
    said_M, right_M = stated(target, proba_NC)
    place_M = equal_bins(said_M, n_bins=BINS)
    bins = _bins(said_M, right_M, place_M)
    rng = np.random.default_rng(seed)
    draws = [_error(_bins(said_M, rng.random(len(said_M)) < said_M, place_M)) for _ in range(DRAWS)]
    return Reliability(
        _log_loss(task, target, proba_NC),
        _error(bins),
        float(np.mean(draws)),
        *_brier_parts(task, target, proba_NC),
        bins,
    )


def _bins(said_M: Floats, right_M: NDArray[np.bool_], place_M: NDArray[np.int64]) -> Bins:
    counts = np.bincount(place_M)
    said, right = (np.bincount(place_M, weights=values.astype(np.float64)) for values in (said_M, right_M))
    there = counts > 0
    rows = zip(
        (said[there] / counts[there]).tolist(),
        (right[there] / counts[there]).tolist(),
        counts[there].tolist(),
        strict=True,
    )
    return tuple(rows)


def _error(bins: Bins) -> float:
    total = sum(count for _, _, count in bins)
    return float(sum(abs(said - right) * count for said, right, count in bins) / total)


def _log_loss(task: Task, target: Target, proba_NC: Floats) -> float:
    truth_NC = task.indicators(target, proba_NC.shape[1])
    right = np.where(truth_NC > 0, proba_NC, 1 - proba_NC) if task.several_labels else proba_NC[truth_NC > 0]
    return float(-np.log(np.maximum(right, SMALLEST)).mean())


def _brier_parts(task: Task, target: Target, proba_NC: Floats) -> tuple[float, float, float, float]:
    """Return the score, miscalibration, discrimination and uncertainty, summed over classes (of labels their mean)."""
    from sklearn.isotonic import isotonic_regression

    truth_NC = task.indicators(target, proba_NC.shape[1]).astype(np.float64)
    binary = proba_NC.shape[1] == 2 and not task.several_labels
    parts = []
    for truth_N, proba_N in list(zip(truth_NC.T, proba_NC.T, strict=True))[1 if binary else 0 :]:
        _, place_N, counts_U = np.unique(proba_N, return_inverse=True, return_counts=True)
        mean_U = np.bincount(place_N, weights=truth_N) / counts_U
        best_N = isotonic_regression(mean_U, sample_weight=counts_U.astype(np.float64))[place_N]
        score, of_best, of_share = (((p - truth_N) ** 2).mean() for p in (proba_N, best_N, truth_N.mean()))
        parts.append((score, score - of_best, of_share - of_best, of_share))
    summed: NDArray[Any] = np.sum(parts, axis=0) / (len(parts) if task.several_labels else 1)
    return float(summed[0]), float(summed[1]), float(summed[2]), float(summed[3])
