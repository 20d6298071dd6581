"""Huber's loss, for numbers: squared for small errors, absolute for large ones (Huber 1964)."""

import torch.nn.functional as F
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number
from trainer.losses.of_numbers import LossOfNumbers


class Huber(LossOfNumbers):
    """``F.huber_loss`` per sample.

    Args:
        delta: above 0, where squared turns into absolute, in standard deviations of the target on the fold's training
            rows.

    Raises:
        ConfigError: an option out of its range.
    """

    def __init__(self, *, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = checked_number("loss.delta", delta, low=0)
        if self.delta == 0:
            raise ConfigError("loss.delta=0: no error would count; give a number above 0")

    def per_row(self, prediction_B: Tensor, target_B: Tensor) -> Tensor:
        """Return the squared differences (B,), absolute beyond ``delta``."""
        return F.huber_loss(prediction_B, target_B, reduction="none", delta=self.delta)
