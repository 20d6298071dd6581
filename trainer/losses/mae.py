"""Absolute error, for numbers: the prediction becomes their median, outliers count little."""

import torch.nn.functional as F
from torch import Tensor

from trainer.losses.of_numbers import LossOfNumbers


class MeanAbsoluteError(LossOfNumbers):
    """``F.l1_loss`` per sample, in standard deviations of the target."""

    def per_row(self, prediction_B: Tensor, target_B: Tensor) -> Tensor:
        """Return the absolute differences (B,)."""
        return F.l1_loss(prediction_B, target_B, reduction="none")
