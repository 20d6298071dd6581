"""Sharpness-aware minimisation (SAM), and its adaptive form (ASAM).

Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization", algorithm 1; Kwon et al.
2021, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural Networks". All trained
weights w are moved by ``e = rho * g / ||g||_2``, the norm that of all gradients together, and the step is along the
gradient at w + e, taken from w. Adaptive: ``e = rho * w^2 g / || |w| g ||_2``.
"""

from torch import nn

from trainer.config.checked import checked_number
from trainer.tricks.contract import Setting, Window
from trainer.tricks.found import joint_norm, trained_parameters, with_gradients


class SAM:
    """One further pass at the moved weights, in place of the plain gradient.

    Args:
        rho: L2 norm of what all weights together are moved by.
        adaptive: whether each weight is moved in proportion to its size (rho is then about ten times larger).
    """

    replaces = True

    def __init__(self, *, rho: float = 0.05, adaptive: bool = False) -> None:
        self.rho = checked_number("tricks.sam.rho", rho, low=0)
        self.adaptive = adaptive
        self.weights: list[nn.Parameter] = []

    def attach(self, setting: Setting) -> None:
        """Find the weights."""
        self.weights = trained_parameters(setting.model, "sam")

    def further(self, window: Window) -> None:
        """Put the gradient at the moved weights in the place of the plain one."""
        weights, gradients = with_gradients(window, self.weights)
        along = [g * w.detach().abs() if self.adaptive else g for w, g in zip(weights, gradients, strict=True)]
        scale = self.rho / joint_norm(along)
        by = [
            g * scale * weight.detach().abs() if self.adaptive else g * scale
            for weight, g in zip(weights, along, strict=True)
        ]
        window.forget()
        with window.moved(weights, by):
            window.again()
