"""Adversarial weight perturbation (AWP).

Wu et al. 2020, "Adversarial Weight Perturbation Helps Robust Generalization", algorithm 1 without adversarial inputs.
Each weight tensor w of more than one dimension is moved by ``v = gamma * ||w||_2 * g / ||g||_2``, g its gradient, and
the step is along the gradient at w + v, taken from w. With ``add_plain`` the gradient at w is added, as in the form
that is common in text competitions: the step is then along the gradient of ``L(w) + L(w + v)``.
"""

from torch import nn

from trainer.config.checked import checked_number
from trainer.tricks.contract import Setting, Window
from trainer.tricks.found import matrices, norms, with_gradients


class AWP:
    """One further pass at the moved weights.

    Args:
        gamma: L2 norm of what a tensor is moved by, over that of the tensor.
        add_plain: whether the gradient at the weights as they are counts too.
    """

    def __init__(self, *, gamma: float = 0.005, add_plain: bool = False) -> None:
        self.gamma = checked_number("tricks.awp.gamma", gamma, low=0)
        self.replaces = not add_plain
        self.weights: list[nn.Parameter] = []

    def attach(self, setting: Setting) -> None:
        """Find the weights."""
        self.weights = matrices(setting.model, "awp")

    def further(self, window: Window) -> None:
        """Put the gradient at the moved weights in the place of the plain one, or add it."""
        weights, gradients = with_gradients(window, self.weights)
        sizes = norms([weight.detach() for weight in weights])
        scales = [self.gamma * size / norm for size, norm in zip(sizes, norms(gradients), strict=True)]
        by = [g * scale for g, scale in zip(gradients, scales, strict=True)]
        if self.replaces:
            window.forget()
        with window.moved(weights, by):
            window.again()
