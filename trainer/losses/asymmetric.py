"""Asymmetric loss (ASL), for rows with few of many labels.

Ridnik et al. 2021, "Asymmetric Loss For Multi-Label Classification", equations 4 to 6: with p the probability of a
label and ``p_m = max(p - margin, 0)``, a row that has the label costs ``-(1 - p)^gamma_positive log(p)``, one that
lacks it ``-p_m^gamma_negative log(1 - p_m)``, nothing below the margin. The mean over the labels is the row's loss (the
paper's is the sum), and gradients go through all factors (the published code may take the powers for constants).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.arguments import checked_number, full_precision
from trainer.losses.class_weights import Weights, positive_weights, row_weights
from trainer.losses.contract import Expects


class Asymmetric(nn.Module):
    """Asymmetric loss per sample, the mean over its labels.

    Args:
        gamma_positive: exponent for labels that a row has, at least 0.
        gamma_negative: exponent for labels that it lacks, at least 0.
        margin: probability up to which a label that it lacks costs nothing, in [0, 1).
        class_weights: null, a list of L weights of the positives, ``balanced``, ``effective`` or ``effective:BETA``.
        n_classes: L.
        class_counts: positives per label (L,).
        n_rows: the fold's training rows.

    Raises:
        ConfigError: an option out of its range.
    """

    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)
    instead: ClassVar[dict[str, str]] = {
        "binary": "focal",
        "multiclass": "focal or ldam",
        "regression": "mse, huber or mae",
    }
    expects: Expects = "logits"
    counts_rows = True
    positive_weight: Tensor | None

    def __init__(
        self,
        *,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
        class_weights: Weights = None,
        n_classes: int,
        class_counts: Sequence[int],
        n_rows: int,
    ) -> None:
        super().__init__()
        self.n_outputs = n_classes
        self.gamma_positive = checked_number("loss.gamma_positive", gamma_positive, low=0)
        self.gamma_negative = checked_number("loss.gamma_negative", gamma_negative, low=0)
        self.margin = checked_number("loss.margin", margin, low=0, below=1)
        weight_L = positive_weights("loss.class_weights", class_weights, class_counts, n_rows)
        self.register_buffer("positive_weight", weight_L, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of logits (B, L) and labels (B, L)."""
        logits_BL = full_precision(logits, self.n_outputs)
        positive_BL = self._of_positives(logits_BL)
        if self.positive_weight is not None:
            positive_BL = positive_BL * self.positive_weight.to(positive_BL.dtype)
        return torch.where(target == 1, positive_BL, self._of_negatives(logits_BL)).mean(dim=1)

    def _of_positives(self, logits_BL: Tensor) -> Tensor:
        return -(self.gamma_positive * F.logsigmoid(-logits_BL)).exp() * F.logsigmoid(logits_BL)

    def _of_negatives(self, logits_BL: Tensor) -> Tensor:
        """Return -p_m^gamma log(1 - p_m) (B, L); where p_m is 0, so are the loss and its gradient."""
        above_BL = logits_BL.sigmoid() - self.margin
        counts_BL = above_BL > 0
        log_above_BL = torch.where(counts_BL, above_BL, 1.0).log()
        log_margin = torch.full((), self.margin, dtype=logits_BL.dtype, device=logits_BL.device).log()
        log_rest_BL = torch.logaddexp(F.logsigmoid(-logits_BL), log_margin)  # 1 - p_m = (1 - p) + margin
        return torch.where(counts_BL, -(self.gamma_negative * log_above_BL).exp() * log_rest_BL, 0.0)

    def normaliser(self, target: Tensor) -> Tensor:
        """Ones (B,): every row counts the same."""
        return row_weights(None, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, L)."""
        return full_precision(logits, self.n_outputs).sigmoid()
