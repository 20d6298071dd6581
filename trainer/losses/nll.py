"""Negative log-likelihood: applies log-softmax itself, unless the model already ends in it."""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.losses.arguments import full_precision
from trainer.losses.class_weights import Weights, row_weights, weight_per_class
from trainer.losses.contract import Expects


class NegativeLogLikelihood(nn.Module):
    """``F.nll_loss`` per sample; binary tasks need a model with two outputs.

    Args:
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``.
        model_outputs_log_probs: the model ends in log-softmax, so none is applied here.
        n_classes: C.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: class weights that do not fit.
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    instead: ClassVar[dict[str, str]] = {"multilabel": "bce or focal", "regression": "mse, huber or mae"}
    class_weight: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Weights = None,
        model_outputs_log_probs: bool = False,
        n_classes: int,
        class_counts: Sequence[int],
    ) -> None:
        super().__init__()
        self.n_outputs = n_classes
        self.expects: Expects = "log_probs" if model_outputs_log_probs else "logits"
        weight_C = weight_per_class("loss.class_weights", class_weights, class_counts)
        self.register_buffer("class_weight", weight_C, persistent=False)
        self.counts_rows = weight_C is None

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss (B,) of model outputs (B, C) and class indices (B,), times the class weight."""
        log_proba_BC = self._log_proba(logits)
        weight_C = None if self.class_weight is None else self.class_weight.to(log_proba_BC.dtype)
        return F.nll_loss(log_proba_BC, target, weight=weight_C, reduction="none")

    def normaliser(self, target: Tensor) -> Tensor:
        """Weight of each row's class (B,)."""
        return row_weights(self.class_weight, target)

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C)."""
        return self._log_proba(logits).exp()

    def _log_proba(self, outputs: Tensor) -> Tensor:
        outputs_BC = full_precision(outputs, self.n_outputs)
        return outputs_BC if self.expects == "log_probs" else outputs_BC.log_softmax(dim=1)
