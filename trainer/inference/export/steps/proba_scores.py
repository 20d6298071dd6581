"""Probabilities and the scale where they are added up: log probabilities, of labels log odds; on numpy alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float32).tiny)  # below it a probability is taken for this


def one_class_each(task: Mapping[str, Any]) -> bool:
    """Return whether every row has exactly one class."""
    return bool(task["has_classes"] and not task["several_labels"])


def rescaled(proba: Floats, task: Mapping[str, Any]) -> Floats:
    """Return the probabilities of one choice rescaled to sum to 1."""
    return proba / proba.sum(axis=-1, keepdims=True) if one_class_each(task) and len(proba) else proba


def log_scores(proba: Floats, task: Mapping[str, Any]) -> Floats:
    """Return log probabilities, of labels log odds, of numbers the numbers."""
    if not task["has_classes"]:
        return proba
    if not task["several_labels"]:
        return np.asarray(np.log(np.maximum(proba, SMALLEST)))
    clipped = np.clip(proba, SMALLEST, 1 - np.finfo(np.float64).epsneg)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def as_proba(scores: Floats, task: Mapping[str, Any]) -> Floats:
    """Return what scores, not necessarily normalised, stand for."""
    if not task["has_classes"]:
        return scores
    return sigmoid(scores) if task["several_labels"] else softmax(scores)


def sigmoid(values: Floats) -> Floats:
    """Return the logistic function of each value."""
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1 / (1 + small), small / (1 + small)))


def softmax(values: Floats) -> Floats:
    """Return the softmax over the last axis."""
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def log_sum(values: Floats) -> Floats:
    """Return (B,) the logarithm of the sum of the exponentials of each row."""
    largest = values.max(axis=1)
    return np.asarray(largest + np.log(np.exp(values - largest[:, None]).sum(axis=1)))


def summing_to_one(values: Floats) -> Floats:
    """Divide each row by its sum; a row of zeros becomes even shares."""
    total = values.sum(axis=1, keepdims=True)
    even = np.full_like(values, 1 / values.shape[1])
    return np.asarray(np.divide(values, total, out=even, where=total > 0))
