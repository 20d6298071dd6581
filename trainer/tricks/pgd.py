"""Projected gradient descent on the input embeddings (PGD).

Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks", section 2.1, with the L2 norm. From
r = 0, ``steps`` times: ``r = P(r + alpha * g / ||g||_2)``, g the gradient at the embeddings moved by the r before, and
P the projection to ``||r||_2 <= epsilon``. The step is along the plain gradient and that at the last r. Each embedding
table has norms of its own.
"""

import torch
from torch import nn

from trainer.config.checked import checked_number
from trainer.errors import ConfigError
from trainer.tricks.contract import MOST_STEPS, Setting, Window
from trainer.tricks.found import input_embeddings, norms, with_gradients


class PGD:
    """Several further passes, each at embeddings moved a little more.

    Args:
        epsilon: largest L2 norm of what a table is moved by.
        alpha: L2 norm of each of the ways.
        steps: further passes.
    """

    def __init__(self, *, epsilon: float = 1.0, alpha: float = 0.3, steps: int = 3) -> None:
        self.epsilon = checked_number("tricks.pgd.epsilon", epsilon, low=0)
        self.alpha = checked_number("tricks.pgd.alpha", alpha, low=0)
        if not 1 <= steps <= MOST_STEPS:
            raise ConfigError(f"tricks.pgd.steps={steps} is not at least 1 and at most {MOST_STEPS}")
        self.steps = steps
        self.tables: list[nn.Parameter] = []

    def attach(self, setting: Setting) -> None:
        """Find the tables."""
        self.tables = input_embeddings(setting.model, "pgd")

    def further(self, window: Window) -> None:
        """Add the gradient at the embeddings moved last."""
        tables, gradients = with_gradients(window, self.tables)
        ways = [torch.zeros_like(g) for g in gradients]
        for _ in range(self.steps):
            further = zip(ways, gradients, norms(gradients), strict=True)
            ways = [way + self.alpha * (g / norm) for way, g, norm in further]
            ways = [way * (self.epsilon / norm).clamp(max=1.0) for way, norm in zip(ways, norms(ways), strict=True)]
            window.forget()
            with window.moved(tables, ways):
                window.again()
            gradients = [
                table.grad.to(g.dtype) for table, g in zip(tables, gradients, strict=True) if table.grad is not None
            ]
        window.add_plain()
