"""Generalised cross-entropy, for noisy labels.

Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels", equation
6: ``(1 - p_t^q) / q``, p_t the probability of the row's class. q towards 0 is cross-entropy, q = 1 half the absolute
error of the probabilities: the larger q, the less a row counts whose label the model holds for wrong. The paper's
truncated form, which leaves rows out by epochs, is not here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number
from trainer.losses.class_weights import Weights
from trainer.losses.of_classes import LossOfClasses, log_proba_of


class GeneralisedCrossEntropy(LossOfClasses):
    """``(1 - p_t^q) / q`` per sample, from the log of p_t: exact for a small q too.

    Args:
        q: above 0 and at most 1.
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    def __init__(self, *, q: float = 0.7, class_weights: Weights = None, class_counts: Sequence[int]) -> None:
        super().__init__(class_weights, class_counts)
        self.q = checked_number("loss.q", q, low=0)
        if not 0 < self.q <= 1:
            raise ConfigError(f"loss.q={q} is not above 0 and at most 1: near 0 is loss=ce")

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,)."""
        return -torch.expm1(self.q * log_proba_of(logits_BC, target_B)) / self.q
