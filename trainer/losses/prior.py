"""Probabilities of a model that saw rare classes more often than there are, put back to how often there are."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainer.data.loading.samplers import class_shares


class PriorCorrected:
    """Multiplies each class's probability by its share in the rows over its share among those drawn, and normalises.

    By Bayes' rule, exact where the model has learned what it was shown (Saerens, Latinne, Decaestecker 2002). For a
    softmax it is the logits plus log(share) - log(share drawn).

    Args:
        to_proba: the loss's own, of logits.
        class_counts: rows of each class that the fold trains on.
        power: they were drawn by, see ``class_shares``.
    """

    def __init__(self, to_proba: Callable[[Tensor], Tensor], class_counts: list[int], power: float) -> None:
        counts_C = torch.tensor(class_counts, dtype=torch.float64)
        drawn_C = torch.from_numpy(class_shares(counts_C.long().numpy(), power))
        ratio_C = counts_C / counts_C.sum() / drawn_C
        self.to_proba = to_proba
        self.ratio_C = torch.where(drawn_C > 0, ratio_C, 1.0).float()

    def __call__(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C)."""
        raised_BC = self.to_proba(logits) * self.ratio_C.to(logits.device)
        return raised_BC / raised_BC.sum(dim=1, keepdim=True)
