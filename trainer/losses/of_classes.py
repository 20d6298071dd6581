"""What the losses of one class per row have in common: softmax logits, and class weights as those of cross-entropy."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from trainer.losses.arguments import full_precision
from trainer.losses.class_weights import Weights, row_weights, weight_per_class
from trainer.losses.contract import Expects


class LossOfClasses(nn.Module):
    """A loss of C logits and one class per row; ``per_row`` says which. Binary tasks need a model with two outputs.

    The mean divides by the sum of the rows' class weights, as torch's cross-entropy does.

    Args:
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: class weights that do not fit.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    instead: ClassVar[dict[str, str]] = {
        "multilabel": "bce, focal or asymmetric",
        "regression": "mse, huber or mae",
    }
    expects: Expects = "logits"
    class_weight: Tensor | None

    def __init__(self, class_weights: Weights, class_counts: Sequence[int]) -> None:
        super().__init__()
        self.n_outputs = len(class_counts)
        weight_C = weight_per_class("loss.class_weights", class_weights, class_counts)
        self.register_buffer("class_weight", weight_C, persistent=False)
        self.counts_rows = weight_C is None

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,) of logits (B, C) in float32 or float64 and class indices (B,)."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of logits (B, C) and class indices (B,), times the class weight."""
        logits_BC = full_precision(logits, self.n_outputs)
        loss_B = self.per_row(logits_BC, target)
        return loss_B if self.class_weight is None else loss_B * self.class_weight.to(loss_B.dtype)[target]

    def normaliser(self, target: Tensor) -> Tensor:
        """Weight of each row's class (B,)."""
        return row_weights(self.class_weight, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C)."""
        return full_precision(logits, self.n_outputs).softmax(dim=1)


def log_proba_of(logits_BC: Tensor, target_B: Tensor) -> Tensor:
    """Return the log of the probability of each row's class (B,)."""
    return logits_BC.log_softmax(dim=1).gather(1, target_B[:, None])[:, 0]
