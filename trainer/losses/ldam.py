"""Label-distribution-aware margin loss (LDAM), for imbalanced classes.

Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", equations 12 and 13:
cross-entropy of the logits after that of the row's class is lowered by its margin ``Delta_c = K / n_c^(1/4)``, n_c the
training rows of class c and K such that the largest margin is ``max_margin``. ``scale`` multiplies the lowered logits,
as in the published code, whose logits are cosines. The paper's weights that set in late (DRW) are not here.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number, full_precision
from trainer.losses.class_weights import Weights
from trainer.losses.of_classes import LossOfClasses


class LDAM(LossOfClasses):
    """Cross-entropy with a margin per class; a class without training rows has none.

    Args:
        max_margin: of the rarest class, above 0.
        scale: of the logits, above 0.
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    margin: Tensor

    def __init__(
        self,
        *,
        max_margin: float = 0.5,
        scale: float = 1.0,
        class_weights: Weights = None,
        class_counts: Sequence[int],
    ) -> None:
        super().__init__(class_weights, class_counts)
        self.scale = checked_number("loss.scale", scale, low=0)
        for option, value in (("max_margin", checked_number("loss.max_margin", max_margin, low=0)), ("scale", scale)):
            if not value:
                raise ConfigError(f"loss.{option}=0: give a number above 0")
        raw = [count**-0.25 if count else 0.0 for count in class_counts]
        margin_C = [max_margin * one / (max(raw) or 1.0) for one in raw]
        self.register_buffer("margin", torch.tensor(margin_C, dtype=torch.float64), persistent=False)

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,)."""
        margin_B = self.margin.to(logits_BC.dtype)[target_B]
        from_top_BC = logits_BC - logits_BC.detach().amax(dim=1, keepdim=True)  # a margin is lost in a logit of 1e4
        lowered_BC = from_top_BC.scatter_add(1, target_B[:, None], -margin_B[:, None])
        return F.cross_entropy(self.scale * lowered_BC, target_B, reduction="none")

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C) of the scaled logits, without margins."""
        return (self.scale * full_precision(logits, self.n_outputs)).softmax(dim=1)
