"""Binary cross-entropy with logits: one output for a binary task, one per label for a multi-label task."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.arguments import full_precision
from trainer.losses.class_weights import Weights, positive_weights, row_weights, weight_per_class
from trainer.losses.contract import Expects
from trainer.tasks import Task


class BinaryCrossEntropy(nn.Module):
    """``F.binary_cross_entropy_with_logits`` per sample; multi-label: the mean over the labels.

    Args:
        class_weights: null, ``balanced``, ``effective``, ``effective:BETA`` or a list: binary [w0, w1], the
            weight of the row's class; multi-label the L weights of the positives (torch's ``pos_weight``).
        task: binary or multilabel.
        n_classes: multi-label: L.
        class_counts: training rows per class (2,), multi-label: positives per label (L,).
        n_rows: the fold's training rows.

    Raises:
        ConfigError: class weights that do not fit.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel")
    instead: ClassVar[dict[str, str]] = {"multiclass": "ce or focal", "regression": "mse, huber or mae"}
    expects: Expects = "logits"
    class_weight: Tensor | None
    positive_weight: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Weights = None,
        task: Task,
        n_classes: int,
        class_counts: Sequence[int],
        n_rows: int,
    ) -> None:
        super().__init__()
        self.binary = not task.several_labels
        self.n_outputs = task.n_outputs(n_classes)
        weight_C = positive_weight_L = None
        if self.binary:
            weight_C = weight_per_class("loss.class_weights", class_weights, class_counts)
        else:
            positive_weight_L = positive_weights("loss.class_weights", class_weights, class_counts, n_rows)
        self.register_buffer("class_weight", weight_C, persistent=False)
        self.counts_rows = weight_C is None
        self.register_buffer("positive_weight", positive_weight_L, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of logits (B, 1) and classes (B,), or of logits (B, L) and labels (B, L)."""
        logits_BL = full_precision(logits, self.n_outputs)
        if self.binary:
            target_B = target.to(logits_BL.dtype)
            loss_B = F.binary_cross_entropy_with_logits(logits_BL[:, 0], target_B, reduction="none")
            return loss_B if self.class_weight is None else loss_B * self.class_weight.to(loss_B.dtype)[target]
        weight_L = self.positive_weight
        loss_BL = F.binary_cross_entropy_with_logits(
            logits_BL,
            target.to(logits_BL.dtype),
            pos_weight=None if weight_L is None else weight_L.to(logits_BL.dtype),
            reduction="none",
        )
        return loss_BL.mean(dim=1)

    def normaliser(self, target: Tensor) -> Tensor:
        """Weight of each row's class (B,); multi-label: ones."""
        return row_weights(self.class_weight, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities: binary (B, 2), multi-label (B, L)."""
        logits_BL = full_precision(logits, self.n_outputs)
        return torch.cat([-logits_BL, logits_BL], dim=1).sigmoid() if self.binary else logits_BL.sigmoid()
