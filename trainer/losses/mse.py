"""Squared error, for numbers: the prediction becomes their mean."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.arguments import full_precision
from trainer.losses.class_weights import row_weights
from trainer.losses.contract import Expects


class MeanSquaredError(nn.Module):
    """``F.mse_loss`` per sample.

    Targets are standardised on the fold's training rows, so the loss is in variances of the target.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    instead: ClassVar[dict[str, str]] = {"binary": "ce, bce or focal", "multiclass": "ce or focal", "multilabel": "bce"}
    expects: Expects = "logits"
    counts_rows = True
    n_outputs = 1

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of predictions (B, 1) and standardised targets (B,)."""
        prediction_B = full_precision(logits, 1)[:, 0]
        return F.mse_loss(prediction_B, target.to(prediction_B.dtype), reduction="none")

    def normaliser(self, target: Tensor) -> Tensor:
        """Ones (B,): every row counts the same."""
        return row_weights(None, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Predictions (B, 1), standardised as the targets are."""
        return full_precision(logits, 1)
