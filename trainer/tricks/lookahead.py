"""Lookahead: slow weights that follow the optimizer's own.

Zhang et al. 2019, "Lookahead Optimizer: k steps forward, 1 step back", algorithm 1. Every ``steps`` steps of the
optimizer ``slow = slow + alpha * (fast - slow)``, and the optimizer goes on from there: ``fast = slow``. Its
moments are kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config.checked import checked_number
from trainer.errors import ConfigError
from trainer.tricks.contract import Setting
from trainer.tricks.found import trained_parameters


class Lookahead:
    """Steps back towards the slow weights every few steps.

    Args:
        steps: of the optimizer between two of the slow weights.
        alpha: share of the way that the slow weights go.
    """

    def __init__(self, *, steps: int = 5, alpha: float = 0.5) -> None:
        if steps < 1:
            raise ConfigError(f"tricks.lookahead.steps={steps} is not at least 1")
        self.steps = steps
        self.alpha = checked_number("tricks.lookahead.alpha", alpha, low=0, below=1)
        self.slow: list[Tensor] = []
        self.taken = 0

    def attach(self, setting: Setting) -> None:
        """Refuse a fold that ends before the first step back.

        Raises:
            ConfigError: it has fewer steps, or nothing is trained.
        """
        trained_parameters(setting.model, "lookahead")
        if setting.total_steps < self.steps:
            raise ConfigError(
                f"tricks=lookahead changes nothing: tricks.lookahead.steps={self.steps}, and a fold has "
                f"{setting.total_steps}\nset it lower, or more max_epochs"
            )

    def begin(self, parameters: Sequence[nn.Parameter]) -> None:
        """Start from the weights as they are."""
        self.slow = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def after_step(self, parameters: Sequence[nn.Parameter]) -> None:
        """Count a step, and go back where it is time."""
        self.taken += 1
        if self.taken % self.steps:
            return
        fast = [parameter.detach() for parameter in parameters]
        torch._foreach_lerp_(self.slow, fast, self.alpha)
        torch._foreach_copy_(fast, self.slow)

    def state_dict(self) -> dict[str, Any]:
        """Return the slow weights and the steps that were counted."""
        return {"slow": self.slow, "taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in a saved state."""
        for own, saved in zip(self.slow, state["slow"], strict=True):
            own.copy_(saved)
        self.taken = int(state["taken"])
