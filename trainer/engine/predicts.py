"""What a prediction needs of whoever makes it: a fold in training, or what is left of one trained before."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor, nn

from trainer.engine.precision.apex_backend import AnyPrecision
from trainer.losses.contract import Loss


class Predicts(Protocol):
    """What a prediction needs of a ``Learner``: also what is left of one whose fold was trained before."""

    @property
    def model(self) -> nn.Module:
        """In whatever mode."""
        ...

    @property
    def loss(self) -> Loss:
        """Says how many outputs there are."""
        ...

    @property
    def precision(self) -> AnyPrecision:
        """Under which the model runs."""
        ...

    @property
    def call(self) -> Callable[..., Tensor]:
        """What is called with a batch."""
        ...

    def as_message(self) -> AbstractContextManager[None]:
        """Return the context in which the compiler's errors are put into words."""
        ...

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return the context in which the model holds the weights that count."""
        ...
