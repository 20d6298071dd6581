"""Fast gradient method on the input embeddings (FGM).

Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised Text Classification", section 3. The embeddings
are moved by ``r = epsilon * g / ||g||_2``, g their gradient, and the step is along the gradient of
``L(theta) + L(theta with embeddings + r)``. As in the form that is common in text competitions, r moves the table
itself, so that a word is moved alike in every place; each table has a norm of its own.
"""

from torch import nn

from trainer.config.checked import checked_number
from trainer.tricks.contract import Setting, Window
from trainer.tricks.found import input_embeddings, norms, with_gradients


class FGM:
    """One further pass at the moved embeddings.

    Args:
        epsilon: L2 norm of what a table is moved by.
    """

    def __init__(self, *, epsilon: float = 1.0) -> None:
        self.epsilon = checked_number("tricks.fgm.epsilon", epsilon, low=0)
        self.tables: list[nn.Parameter] = []

    def attach(self, setting: Setting) -> None:
        """Find the tables."""
        self.tables = input_embeddings(setting.model, "fgm")

    def further(self, window: Window) -> None:
        """Add the gradient at the moved embeddings."""
        tables, gradients = with_gradients(window, self.tables)
        by = [self.epsilon * (g / norm) for g, norm in zip(gradients, norms(gradients), strict=True)]
        with window.moved(tables, by):
            window.again()
