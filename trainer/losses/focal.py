"""Focal loss (Lin et al. 2017, Focal Loss for Dense Object Detection) for all three tasks.

``-alpha_t (1 - p_t)^gamma log(p_t)``, p_t the probability of the true class. Both factors come from logs:
``(1 - p_t)^gamma = exp(gamma log(1 - p_t))`` keeps the gradient finite for gamma below 1, where that of the
power itself is infinite at p_t = 1.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number, full_precision
from trainer.losses.class_weights import (
    Weights,
    positive_shares,
    positive_weights,
    row_weights,
    weight_per_class,
)
from trainer.losses.contract import Expects
from trainer.tasks import Task


class Focal(nn.Module):
    """Focal loss per sample: softmax for multi-class, sigmoid for binary (one output) and multi-label tasks.

    The mean divides by the number of rows, whatever alpha is. Without weighting (alpha null or 1), gamma 0 is
    plain cross-entropy.

    Args:
        gamma: focusing exponent, at least 0.
        alpha: null or 1 for none; or

            - multi-class: a positive factor for all rows, a list of C weights, ``balanced``, ``effective`` or
              ``effective:BETA``;
            - binary: in (0, 1), the weight of positives, 1 - alpha that of negatives (as torchvision); a list
              [alpha_0, alpha_1]; ``balanced`` (negatives / rows) or ``effective``, w_1 / (w_0 + w_1) of the
              class weights;
            - multi-label: one such number for all labels, a list of L of them, ``balanced``, ``effective`` or
              ``effective:BETA``.
        task: binary, multiclass or multilabel.
        n_classes: C, multi-label: L.
        class_counts: training rows per class (C,), multi-label: positives per label (L,).
        n_rows: the fold's training rows.

    Raises:
        ConfigError: an option out of its range.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "multilabel")
    instead: ClassVar[dict[str, str]] = {"regression": "mse, huber or mae"}
    expects: Expects = "logits"
    counts_rows = True
    class_alpha: Tensor | None
    side_alpha: Tensor | None

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | Weights = None,
        task: Task,
        n_classes: int,
        class_counts: Sequence[int],
        n_rows: int,
    ) -> None:
        super().__init__()
        self.by_softmax = not task.yes_or_no
        self.binary = not (self.by_softmax or task.several_labels)
        self.n_outputs = task.n_outputs(n_classes)
        self.gamma = checked_number("loss.gamma", gamma, low=0)
        if isinstance(alpha, (int, float)):
            alpha = checked_number("loss.alpha", alpha, low=0)
        class_alpha = side_alpha = None
        if alpha is not None and alpha != 1 and self.by_softmax:
            class_alpha = _alpha_per_class(alpha, class_counts)
        elif alpha is not None and alpha != 1:
            side_alpha = _alpha_of_sides(alpha, task, class_counts, n_rows)
        self.register_buffer("class_alpha", class_alpha, persistent=False)
        self.register_buffer("side_alpha", side_alpha, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,): logits (B, C) or (B, 1) and classes (B,), or logits (B, L) and labels (B, L)."""
        logits_BL = full_precision(logits, self.n_outputs)
        if self.by_softmax:
            loss_B = softmax_focal(logits_BL, target, self.gamma)
            return loss_B if self.class_alpha is None else loss_B * self.class_alpha.to(loss_B.dtype)[target]
        target_BL = target.reshape(len(target), -1 if len(target) else self.n_outputs)
        loss_BL = sigmoid_focal(logits_BL, target_BL, self.gamma)
        if self.side_alpha is not None:
            negative_L, positive_L = self.side_alpha.to(loss_BL.dtype)
            loss_BL = loss_BL * torch.where(target_BL == 1, positive_L, negative_L)
        return loss_BL.mean(dim=1)

    def normaliser(self, target: Tensor) -> Tensor:
        """Ones (B,): alpha is part of the loss, the mean is over rows."""
        return row_weights(None, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities: (B, C), binary (B, 2), multi-label (B, L)."""
        logits_BL = full_precision(logits, self.n_outputs)
        if self.by_softmax:
            return logits_BL.softmax(dim=1)
        if self.binary:
            return torch.cat([-logits_BL, logits_BL], dim=1).sigmoid()
        return logits_BL.sigmoid()


def softmax_focal(logits_BC: Tensor, target_B: Tensor, gamma: float) -> Tensor:
    """Unweighted multi-class focal loss (B,)."""
    log_pt_B, log_rest_B = log_proba_and_rest(logits_BC, target_B)
    return -(gamma * log_rest_B).exp() * log_pt_B


def log_proba_and_rest(logits_BC: Tensor, target_B: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p_t and log(1 - p_t) (B,); the latter is the log-sum-exp over the other classes."""
    log_proba_BC = logits_BC.log_softmax(dim=1)
    index_B1 = target_B[:, None]
    log_rest_B = log_proba_BC.scatter(1, index_B1, -math.inf).logsumexp(dim=1)
    return log_proba_BC.gather(1, index_B1)[:, 0], log_rest_B


def sigmoid_focal(logits_BL: Tensor, target_BL: Tensor, gamma: float) -> Tensor:
    """Unweighted focal loss of each label (B, L), labels 0 or 1."""
    if logits_BL.shape != target_BL.shape:  # torch.where would broadcast
        raise ValueError(f"logits {tuple(logits_BL.shape)} and labels {tuple(target_BL.shape)} differ in shape")
    signed_BL = torch.where(target_BL == 1, logits_BL, -logits_BL)
    return -(gamma * F.logsigmoid(-signed_BL)).exp() * F.logsigmoid(signed_BL)


def _alpha_per_class(alpha: float | Weights, class_counts: Sequence[int]) -> Tensor | None:
    """Weight per class (C,) of a multi-class task."""
    if isinstance(alpha, float):
        alpha = [alpha] * len(class_counts)
    return weight_per_class("loss.alpha", alpha, class_counts)


def _alpha_of_sides(alpha: float | Weights, task: Task, class_counts: Sequence[int], n_rows: int) -> Tensor | None:
    """Weights of negatives and positives, (2, 1) of a binary task or (2, L) of a multi-label one."""
    one_choice = not task.several_labels
    positives = class_counts[1:] if one_choice else class_counts
    if isinstance(alpha, str):
        return _checked_sides(positive_shares("loss.alpha", alpha, positives, n_rows))
    if isinstance(alpha, float):
        return _checked_sides([alpha] * len(positives))
    if one_choice:
        weight_2 = weight_per_class("loss.alpha", alpha, class_counts)
        return None if weight_2 is None else weight_2[:, None]
    weight_L = positive_weights("loss.alpha", alpha, positives, n_rows)
    return None if weight_L is None else _checked_sides(weight_L.tolist())


def _checked_sides(alphas: Sequence[float]) -> Tensor:
    """Rows 1 - alpha and alpha (2, L); an alpha of 1 weights nothing."""
    for alpha in alphas:
        if not 0 < alpha <= 1:
            raise ConfigError(
                f"loss.alpha={alpha} is not above 0 and at most 1: positives get alpha, negatives 1 - alpha"
            )
    return torch.tensor([[1.0 if alpha == 1 else 1.0 - alpha for alpha in alphas], list(alphas)])
