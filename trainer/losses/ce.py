"""Cross-entropy on logits, with class weights and label smoothing exactly as torch's."""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.arguments import checked_number, full_precision
from trainer.losses.class_weights import Weights, row_weights, weight_per_class
from trainer.losses.contract import Expects


class CrossEntropy(nn.Module):
    """``F.cross_entropy`` per sample; binary tasks need a model with two outputs.

    Args:
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        label_smoothing: in [0, 1).
        n_classes: C.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    instead: ClassVar[dict[str, str]] = {"multilabel": "bce or focal", "regression": "mse, huber or mae"}
    expects: Expects = "logits"
    class_weight: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Weights = None,
        label_smoothing: float = 0.0,
        n_classes: int,
        class_counts: Sequence[int],
    ) -> None:
        super().__init__()
        self.n_outputs = n_classes
        self.label_smoothing = checked_number("loss.label_smoothing", label_smoothing, low=0, below=1)
        weight_C = weight_per_class("loss.class_weights", class_weights, class_counts)
        self.register_buffer("class_weight", weight_C, persistent=False)
        self.counts_rows = weight_C is None

    @property
    def is_plain_cross_entropy(self) -> bool:
        """Whether it is ``F.cross_entropy`` and nothing else; what a subclass does is not known."""
        return type(self) is CrossEntropy and self.class_weight is None and self.label_smoothing == 0

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of logits (B, C) and class indices (B,), times the class weight."""
        logits_BC = full_precision(logits, self.n_outputs)
        weight_C = None if self.class_weight is None else self.class_weight.to(logits_BC.dtype)
        return F.cross_entropy(
            logits_BC, target, weight=weight_C, reduction="none", label_smoothing=self.label_smoothing
        )

    def normaliser(self, target: Tensor) -> Tensor:
        """Weight of each row's class (B,)."""
        return row_weights(self.class_weight, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C)."""
        return full_precision(logits, self.n_outputs).softmax(dim=1)
