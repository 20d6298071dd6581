"""Predictions on the scale where they are added up: log probabilities, of labels log odds, in float64.

A float32 probability near 1 has lost how near it is (1 - 3e-8 is the next below 1), so they are taken from the logits
wherever these give the probabilities, and not from the probabilities.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax

from trainer.tasks import Task

Floats = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float32).tiny)  # below it a saved probability is 0
LARGEST_ODDS = float(-np.log(SMALLEST))
SAME = 1e-5  # float32 rounding of a softmax is some 1e-7


def log_scores(task: Task, proba: NDArray[Any]) -> Floats:
    """Return (N, C) log probabilities, (N, L) log odds of labels, or (N, 1) the numbers, of predictions."""
    proba64 = np.asarray(proba, dtype=np.float64)
    if not task.has_classes:
        return proba64
    if task.several_labels:
        clipped = np.clip(proba64, SMALLEST, 1 - np.finfo(np.float64).epsneg)
        return np.asarray(np.log(clipped) - np.log1p(-clipped))
    return np.asarray(np.log(np.maximum(proba64, SMALLEST)))


def logit_scores(task: Task, proba: NDArray[Any], logits: NDArray[Any]) -> Floats:
    """Return the same from the logits (N, n_outputs), where softmax or sigmoid of them is what was predicted."""
    logits64 = np.asarray(logits, dtype=np.float64)
    if not task.has_classes or not np.isfinite(logits64).all():
        return log_scores(task, proba)
    if task.several_labels:
        found, scores = expit(logits64), np.clip(logits64, -LARGEST_ODDS, LARGEST_ODDS)
    elif logits64.shape[1] == 1:
        found, scores = (
            np.hstack([expit(-logits64), expit(logits64)]),
            np.hstack([log_expit(-logits64), log_expit(logits64)]),
        )
    else:
        found, scores = softmax(logits64, axis=1), log_softmax(logits64, axis=1)
    fits = found.shape == proba.shape and np.allclose(found, proba, rtol=0, atol=SAME)
    return np.asarray(scores) if fits else log_scores(task, proba)


def as_proba(task: Task, scores: Floats) -> Floats:
    """Return the predictions that scores (not necessarily normalised) stand for."""
    if not task.has_classes:
        return scores
    return np.asarray(expit(scores) if task.several_labels else softmax(scores, axis=-1))


def summing_to_one(values_NC: Floats) -> Floats:
    """Divide each row by its sum; a row of zeros becomes even shares."""
    total_N1 = values_NC.sum(axis=1, keepdims=True)
    even_NC = np.full_like(values_NC, 1 / values_NC.shape[1])
    return np.asarray(np.divide(values_NC, total_N1, out=even_NC, where=total_N1 > 0))


def log_odds(scores_N2: Floats) -> Floats:
    """Return (N, 1) the log odds of the second of two classes."""
    return scores_N2[..., 1:] - scores_N2[..., :1]


def row_losses(task: Task, target: NDArray[Any], scores: Floats) -> Floats:
    """Return (N,) the log loss of each row, of labels its mean, of numbers the squared error."""
    if not task.has_classes:
        return np.asarray((scores[:, 0] - target) ** 2)
    if task.several_labels:
        return np.asarray(-log_expit(np.where(target > 0, scores, -scores)).mean(axis=1))
    return np.asarray(-log_softmax(scores, axis=1)[np.arange(len(target)), target])
