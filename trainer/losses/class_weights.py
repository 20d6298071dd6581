"""Weights against class imbalance, from a list or from the class counts of the fold's training rows.

``balanced`` is scikit-learn's ``n / (C n_c)``. ``effective`` is the inverse effective number of samples,
``(1 - beta) / (1 - beta^n_c)`` with beta 0.999, or BETA of ``effective:BETA`` (Cui et al. 2019, Class-Balanced Loss
Based on Effective Number of Samples), scaled to sum to C. C counts the classes present; a class without training rows
gets weight 0 (its rows can only be held-out ones: they then count neither in the loss nor in its normaliser).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.errors import ConfigError, shown
from trainer.tasks import Task

Weights = Sequence[float] | str | None
EFFECTIVE_BETA = 0.999
BALANCED = 1.0  # the limit of beta, at which the effective number of n rows is n
CHOICES = "null, balanced, effective, effective:BETA or a list of numbers"


def weight_per_class(option: str, value: Weights, class_counts: Sequence[int]) -> Tensor | None:
    """Weight per class (C,), or None where none is asked for.

    Args:
        option: the option's full name, for messages.
        value: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: not one of these, the wrong length, a negative or non-finite weight, or all zero.
    """
    if value is None:
        return None
    beta = _beta(option, value)
    if beta is None:
        return _checked_list(option, value, len(class_counts), "class")
    raw = [_inverse_number(beta, count) for count in class_counts]
    present = sum(count > 0 for count in class_counts)
    if beta == BALANCED:
        scale = sum(class_counts) / present if present else 0.0
    else:
        scale = present / sum(raw) if present else 0.0
    return torch.tensor([weight * scale for weight in raw], dtype=torch.float32)


def positive_weights(option: str, value: Weights, positives: Sequence[int], n_rows: int) -> Tensor | None:
    """Weight of the positives of each label (L,) (torch's ``pos_weight``), or None where none is asked for.

    ``balanced`` is negatives / positives, ``effective`` the same ratio of effective numbers; a label without
    positives or without negatives keeps weight 1.

    Raises:
        ConfigError: as ``weight_per_class``.
    """
    if value is None:
        return None
    beta = _beta(option, value)
    if beta is None:
        return _checked_list(option, value, len(positives), "label")
    return torch.tensor([_odds(beta, count, n_rows) for count in positives], dtype=torch.float32)


def positive_shares(option: str, mode: str, positives: Sequence[int], n_rows: int) -> list[float]:
    """Focal loss's alpha per label (L,): ``w_1 / (w_0 + w_1)`` of the class weights that ``mode`` names.

    For ``balanced`` this is negatives / rows. A label without positives or without negatives gets 0.5.

    Raises:
        ConfigError: an unknown mode.
    """
    beta = _beta(option, mode)
    assert beta is not None
    odds = [_odds(beta, count, n_rows) for count in positives]
    return [o / (1.0 + o) for o in odds]


def weights_by_class(section: Mapping[str, Any], classes: Sequence[str], task: Task) -> tuple[str, ...]:
    """Return, in words, which class each number of ``loss.class_weights`` or ``loss.alpha`` is for.

    Args:
        section: ``loss``, as configured.
        classes: in the order of the list; of a binary task the positive one last.
        task: of a binary one, a single alpha is that of the positive class.
    """
    notes = []
    for option in ("class_weights", "alpha"):
        value = section.get(option)
        if task.one_output and isinstance(value, float) and 0 < value < 1:
            value = [1 - value, value]
        if not isinstance(value, list) or not all(isinstance(weight, int | float) for weight in value):
            continue
        if len(value) == len(classes):
            pairs = ", ".join(f"{shown(label)} {weight:g}" for label, weight in zip(classes, value, strict=True))
            notes.append(f"loss.{option}: {pairs}")
    return tuple(notes)


def row_weights(weight_C: Tensor | None, target_B: Tensor) -> Tensor:
    """Weight of each row's class (B,), ones without weights: what the mean divides by, as torch's does."""
    if weight_C is None:
        return torch.ones(len(target_B), device=target_B.device)
    return weight_C[target_B]


def _beta(option: str, value: Any) -> float | None:
    """Return the beta that the text asks for, or None where the value is no text."""
    if not isinstance(value, str):
        return None
    name, colon, number = value.partition(":")
    if value in ("balanced", "effective"):
        return EFFECTIVE_BETA if value == "effective" else BALANCED
    if name != "effective" or not colon:
        raise ConfigError(f"{option}={value} is not one of {CHOICES}")
    try:
        beta = float(number)
    except ValueError:
        beta = math.nan
    if 0 <= beta < 1:
        return beta
    raise ConfigError(f"{option}={value}: BETA is not a number of at least 0 and below 1 (0.9 to 0.9999 are usual)")


def _checked_list(option: str, value: Any, length: int, per: str) -> Tensor:
    if not isinstance(value, Sequence):
        raise ConfigError(f"{option}={value} is not one of {CHOICES}")
    if len(value) != length:
        raise ConfigError(f"{option} has {len(value)} entries but needs {length}: one per {per}, in class order")
    for weight in value:
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not (is_number and math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"{option}: {weight} is not a finite number of at least 0")
    if not any(value):
        raise ConfigError(f"{option}: all weights are 0, nothing would be learned")
    return torch.tensor([float(weight) for weight in value], dtype=torch.float32)


def _inverse_number(beta: float, count: int) -> float:
    """Return 1 / effective number of rows; 0 for a class without rows."""
    if count == 0:
        return 0.0
    return 1.0 / count if beta == BALANCED else (1.0 - beta) / (1.0 - beta**count)


def _odds(beta: float, positives: int, n_rows: int) -> float:
    """Weight of the positives relative to the negatives of one label."""
    negatives = n_rows - positives
    if positives == 0 or negatives == 0:
        return 1.0
    return _inverse_number(beta, positives) / _inverse_number(beta, negatives)
