"""Multi-sample dropout: the head sees each row through several dropout masks.

Inoue 2019, "Multi-Sample Dropout for Accelerated Training and Better Generalization",
section 3: the layers below run once, the dropout in front of the head and the head ``samples`` times, each with a mask
of its own, and the step is along the mean of the samples' losses. Held-out rows are predicted without dropout, as ever.
"""

from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.tricks.contract import MOST_STEPS, Rows, Setting
from trainer.tricks.rdrop import DROPOUTS


class MultiSampleDropout:
    """Several dropout masks in front of the head, whose losses are averaged.

    Args:
        samples: masks, at least 2.
    """

    def __init__(self, *, samples: int = 5) -> None:
        if samples < 2:
            raise ConfigError(f"tricks.multi_sample_dropout.samples={samples} is not at least 2: one is plain dropout")
        if samples > MOST_STEPS:
            raise ConfigError(f"tricks.multi_sample_dropout.samples={samples} is not at most {MOST_STEPS}")
        self.samples = samples
        self.name = ""
        self.inside = self.at_step = False
        self.dropped: tuple[nn.Module, Tensor, Tensor] | None = None  # the last dropout, its input and its output
        self.others: list[Tensor] = []

    def attach(self, setting: Setting) -> None:
        """Find the head and dropout, and be told when they are called.

        Raises:
            ConfigError: the model has no head, or no dropout.
        """
        self.name = type(setting.model).__name__
        head = getattr(setting.model, "head", None)
        if not isinstance(head, nn.Module):
            raise ConfigError(
                f"tricks=multi_sample_dropout puts several dropout masks in front of the head, and {self.name} has no "
                "attribute head\nname the last layer self.head, or leave multi_sample_dropout out"
            )
        drops = [one for one in setting.model.modules() if isinstance(one, DROPOUTS) and one.p > 0]
        if not drops:
            raise ConfigError(
                f"tricks=multi_sample_dropout: {self.name} has no dropout layer with p above 0: all masks are one\n"
                "set model.dropout above 0, or leave multi_sample_dropout out"
            )
        within = list(head.modules())
        self.inside = any(one in within for one in drops)
        for one in drops:
            if one not in within:
                one.register_forward_hook(self._dropout_called)
        head.register_forward_hook(self._head_called)

    def _dropout_called(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if self.at_step:
            self.dropped = module, inputs[0], output

    def _head_called(self, head: nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> None:
        if not self.at_step:
            return
        if self.inside:
            self.others = [head.forward(*inputs) for _ in range(self.samples - 1)]
        elif self.dropped is not None and self.dropped[2] is inputs[0]:
            dropout, before, _ = self.dropped
            self.others = [head.forward(dropout.forward(before)) for _ in range(self.samples - 1)]
        self.others.insert(0, logits)

    def batch_loss(self, rows: Rows) -> Tensor:
        """Return the mean of the samples' summed losses.

        Raises:
            ConfigError: dropout is not right in front of the head, or the head's output is not the logits.
        """
        self.others, self.at_step = [], True
        try:
            logits = rows.logits()
        finally:
            self.at_step = False
        found, self.others, self.dropped = self.others, [], None
        if len(found) < self.samples:
            raise ConfigError(
                f"tricks=multi_sample_dropout: no dropout is right in front of the head of {self.name}, or its forward "
                "does not call the head\nwrite self.head(self.dropout(features)), or leave multi_sample_dropout out"
            )
        if not torch.equal(found[0].to(logits.dtype), logits):
            raise ConfigError(
                f"tricks=multi_sample_dropout: the logits of {self.name} are not what its head returns\n"
                "leave multi_sample_dropout out"
            )
        losses = [rows.loss(logits), *(rows.loss(one.to(logits.dtype)) for one in found[1:])]
        return torch.stack(losses).mean()
