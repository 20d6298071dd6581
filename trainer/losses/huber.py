"""Huber's loss, for numbers: squared for small errors, absolute for large ones (Huber 1964)."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number, full_precision
from trainer.losses.class_weights import row_weights
from trainer.losses.contract import Expects


class Huber(nn.Module):
    """``F.huber_loss`` per sample.

    Args:
        delta: above 0, where squared turns into absolute, in standard deviations of the target on the fold's training
            rows.

    Raises:
        ConfigError: an option out of its range.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    instead: ClassVar[dict[str, str]] = {"binary": "ce, bce or focal", "multiclass": "ce or focal", "multilabel": "bce"}
    expects: Expects = "logits"
    counts_rows = True
    n_outputs = 1

    def __init__(self, *, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = checked_number("loss.delta", delta, low=0)
        if self.delta == 0:
            raise ConfigError("loss.delta=0: no error would count; give a number above 0")

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of predictions (B, 1) and standardised targets (B,)."""
        prediction_B = full_precision(logits, 1)[:, 0]
        return F.huber_loss(prediction_B, target.to(prediction_B.dtype), reduction="none", delta=self.delta)

    def normaliser(self, target: Tensor) -> Tensor:
        """Ones (B,): every row counts the same."""
        return row_weights(None, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Predictions (B, 1), standardised as the targets are."""
        return full_precision(logits, 1)
