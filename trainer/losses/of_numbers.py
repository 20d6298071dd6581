"""What the losses of numbers have in common: one prediction per row, on the scale of standardised targets."""

from typing import ClassVar

from torch import Tensor, nn

from trainer.losses.arguments import full_precision
from trainer.losses.class_weights import row_weights
from trainer.losses.contract import Expects


class LossOfNumbers(nn.Module):
    """A loss of the difference between a row's prediction and its target; ``per_row`` says which.

    Targets are standardised on the fold's training rows.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    instead: ClassVar[dict[str, str]] = {"binary": "ce, bce or focal", "multiclass": "ce or focal", "multilabel": "bce"}
    expects: Expects = "logits"
    counts_rows = True
    n_outputs = 1

    def __init__(self) -> None:
        super().__init__()

    def per_row(self, prediction_B: Tensor, target_B: Tensor) -> Tensor:
        """Return the loss (B,) of predictions (B,) and standardised targets (B,)."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of predictions (B, 1) and standardised targets (B,)."""
        prediction_B = full_precision(logits, 1)[:, 0]
        return self.per_row(prediction_B, target.to(prediction_B.dtype))

    def normaliser(self, target: Tensor) -> Tensor:
        """Ones (B,): every row counts the same."""
        return row_weights(None, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Predictions (B, 1), standardised as the targets are."""
        return full_precision(logits, 1)
