"""Self-adjusting Dice loss (DSC), for imbalanced classes.

Li et al. 2020, "Dice Loss for Data-imbalanced NLP Tasks", equation 11, of each class of a row by itself: with p the
probability of the class, y whether it is the row's, and ``s = (1 - p)^alpha p``, the loss is
``1 - (2 s y + smooth) / (s + y + smooth)``, added up over the classes as in the published code.

With alpha above 0, s is largest at ``p = 1 / (1 + alpha)``, and falls again beyond: with two classes and alpha 1 what
is surely wrong costs no more than what is surely right. With the default of 0.01 the turn is at p = 0.99.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number
from trainer.losses.class_weights import Weights
from trainer.losses.of_classes import LossOfClasses


class Dice(LossOfClasses):
    """The self-adjusting Dice loss per sample.

    Args:
        alpha: how much easy classes of a row are damped, at least 0.
        smooth: added to both, above 0.
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    def __init__(
        self, *, alpha: float = 0.01, smooth: float = 1.0, class_weights: Weights = None, class_counts: Sequence[int]
    ) -> None:
        super().__init__(class_weights, class_counts)
        self.alpha = checked_number("loss.alpha", alpha, low=0)
        self.smooth = checked_number("loss.smooth", smooth, low=0)
        if not self.smooth:
            raise ConfigError("loss.smooth=0: a class that is not the row's would have no gradient; give one above 0")

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,)."""
        log_proba_BC = logits_BC.log_softmax(dim=1)
        log_s_BC = self.alpha * log_rest_of_each(log_proba_BC) + log_proba_BC
        s_BC = log_s_BC.exp()
        absent_BC = s_BC / (s_BC + self.smooth)  # 1 - smooth / (s + smooth), without its rounding
        present_BC = -torch.expm1(log_s_BC) / (s_BC + 1 + self.smooth)
        return absent_BC.scatter(1, target_B[:, None], present_BC.gather(1, target_B[:, None])).sum(dim=1)


def log_rest_of_each(log_proba_BC: Tensor) -> Tensor:
    """Return log(1 - p) of each class (B, C); that of the likeliest is the log-sum-exp over the others."""
    top_B1 = log_proba_BC.argmax(dim=1, keepdim=True)
    rest_B1 = log_proba_BC.scatter(1, top_B1, -torch.inf).logsumexp(dim=1, keepdim=True)
    others_BC = log_proba_BC.exp().scatter(1, top_B1, 0.0)  # at most 1/2 each
    return torch.log1p(-others_BC).scatter(1, top_B1, rest_B1)
