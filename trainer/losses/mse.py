"""Squared error, for numbers: the prediction becomes their mean."""

import torch.nn.functional as F
from torch import Tensor

from trainer.losses.of_numbers import LossOfNumbers


class MeanSquaredError(LossOfNumbers):
    """``F.mse_loss`` per sample, in variances of the target."""

    def per_row(self, prediction_B: Tensor, target_B: Tensor) -> Tensor:
        """Return the squared differences (B,)."""
        return F.mse_loss(prediction_B, target_B, reduction="none")
