"""Noise on the gradients.

Neelakantan et al. 2015, "Adding Gradient Noise Improves Learning for Very Deep Networks", section 3: to each gradient
of step t, counted from 0, is added a draw from ``N(0, eta / (1 + t)^gamma)``, after clipping.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from trainer.config.checked import checked_number
from trainer.tricks.contract import Setting
from trainer.tricks.found import trained_parameters


class GradientNoise:
    """Normal noise that fades as training goes on.

    Args:
        eta: variance in the first step.
        gamma: how fast it fades.
    """

    def __init__(self, *, eta: float = 0.01, gamma: float = 0.55) -> None:
        self.eta = checked_number("tricks.gradient_noise.eta", eta, low=0)
        self.gamma = checked_number("tricks.gradient_noise.gamma", gamma, low=0)
        self.taken = 0

    def attach(self, setting: Setting) -> None:
        """Refuse a model that trains nothing."""
        trained_parameters(setting.model, "gradient_noise")

    @torch.no_grad()
    def before_step(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add the noise of this step."""
        deviation = (self.eta / (1 + self.taken) ** self.gamma) ** 0.5
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.add_(torch.randn_like(parameter.grad), alpha=deviation)
        self.taken += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the steps that were counted."""
        return {"taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting."""
        self.taken = int(state["taken"])
