"""Poly-1: cross-entropy or focal loss with another weight on the first term of its expansion in 1 - p_t.

Leng et al. 2022, "PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions", equations 6 and 8:
``-(1 - p_t)^gamma log(p_t) + epsilon (1 - p_t)^(gamma + 1)``, p_t the probability of the row's class; gamma 0 is the
form of cross-entropy.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.losses.arguments import checked_number
from trainer.losses.class_weights import Weights
from trainer.losses.focal import log_proba_and_rest
from trainer.losses.of_classes import LossOfClasses


class Poly(LossOfClasses):
    """Poly-1 loss per sample.

    Args:
        epsilon: added to the weight of the first term, which is 1; at least -1, which takes the term away.
        gamma: exponent of the focal form, at least 0; 0 = that of cross-entropy.
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    def __init__(
        self, *, epsilon: float = 1.0, gamma: float = 0.0, class_weights: Weights = None, class_counts: Sequence[int]
    ) -> None:
        super().__init__(class_weights, class_counts)
        self.epsilon = checked_number("loss.epsilon", epsilon, low=-1)
        self.gamma = checked_number("loss.gamma", gamma, low=0)

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,)."""
        log_pt_B, log_rest_B = log_proba_and_rest(logits_BC, target_B)
        rest_B = log_rest_B.exp()
        near_B = rest_B < 0.5  # there log(p_t) = log1p(-rest) is exact, so that epsilon -1 leaves nothing below 0
        log_pt_B = torch.where(near_B, torch.log1p(-torch.where(near_B, rest_B, 0.0)), log_pt_B)
        return (self.gamma * log_rest_B).exp() * (self.epsilon * rest_B - log_pt_B)
