"""What a prediction needs of whoever makes it: a fold in training, or what is left of one trained before."""

from collections.abc import Callable, Iterator
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


def joined(outputs: Iterator[Tensor], n_rows: int) -> Tensor:
    """Return the outputs of batches as one tensor (n_rows, ...), which is there from the first batch on.

    Kept one by one, each would lie behind what its batch took in memory, and keep the next from taking that room.

    Args:
        outputs: of all batches, at least one.
        n_rows: of all of them.
    """
    whole, end = None, 0
    for output in outputs:
        if whole is None:
            whole = output.new_empty((n_rows, *output.shape[1:]))
        start, end = end, end + len(output)
        whole[start:end] = output
    assert whole is not None
    return whole
