"""What a training trick is: an object that takes part in the steps of a fold, and what it is given there.

A trick is a class in a file of its own. Its constructor takes keyword-only options, those of its YAML file. ``attach``
is called once for each fold; each of the other methods is optional, and is called where it is there:

- ``changed(batch) -> Batch``: before a step, the batch to train on in its place;
- ``batch_loss(rows) -> Tensor``: the summed loss of a batch, in place of that of one forward pass;
- ``further(window)``: after the gradients of a step are there, further passes over its rows;
- ``at_start() -> (now, before)``: weights that ``attach`` has changed, and what they were;
- ``begin(parameters)``: before the first step, with what the optimizer steps: float32 copies under O2;
- ``before_step(parameters)``: gradients are unscaled and clipped, the optimizer has not stepped yet;
- ``after_step(parameters)``: the optimizer has stepped;
- ``averaged(parameters) -> Average``: the weights that are scored and saved in place of the last ones;
- ``state_dict()``, ``load_state_dict(state)``: what a resumed fold needs, as tensors and plain values.

``replaces = True`` says that ``further`` leaves its own gradients in place of the plain ones. Random numbers are
torch's own, which the fold seeds and its checkpoints hold.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from trainer.tasks import Task

MOST_STEPS = 1000  # passes for one step, one after the other: a slip of the keyboard would take for ever
OPTIONAL = ("at_start", "changed", "batch_loss", "further", "before_step", "after_step", "averaged")


@dataclass(frozen=True)
class Setting:
    """What a trick is told of its fold before the first step.

    Attributes:
        model: fresh, its starting weights loaded, in float32 and not yet cast to another precision.
        task: what there is to predict.
        n_outputs: columns of the logits.
        n_classes: classes, or labels.
        steps_per_epoch: optimizer steps of an epoch.
        total_steps: optimizer steps of the fold.
        pretrained: whether the backbone starts from weights that were trained before.
    """

    model: nn.Module
    task: Task
    n_outputs: int
    n_classes: int
    steps_per_epoch: int
    total_steps: int
    pretrained: bool = False


class Rows(Protocol):
    """The rows of one batch."""

    @property
    def weights_B(self) -> Tensor:
        """What each row counts (B,): sample weight x the loss's normaliser."""
        ...

    def logits(self) -> Tensor:
        """Return the logits (B, n_outputs) of one more forward pass."""
        ...

    def loss(self, logits: Tensor) -> Tensor:
        """Return the sum over the rows of sample weight x loss."""
        ...

    def row_losses(self, logits: Tensor) -> Tensor:
        """Return sample weight x loss of each row (B,)."""
        ...


class Window(Protocol):
    """The rows of one optimizer step, after the backward pass over them."""

    def gradient(self, parameter: Tensor) -> Tensor | None:
        """Return the plain gradient, times the loss scale, in float32 or better; None where there is none."""
        ...

    def moved(self, parameters: Sequence[Tensor], by: Sequence[Tensor]) -> AbstractContextManager[None]:
        """Return the context in which the parameters are moved; after it they are what they were, bit for bit.

        Under O2 the float32 copies are moved, and the half weights are their cast.

        Raises:
            ConfigError: nothing has moved, in the first step.
        """
        ...

    def note(
        self, now: Sequence[Tensor], before: Sequence[Tensor], by: Sequence[Tensor], what: str = "weights"
    ) -> None:
        """Note once how far ``by`` has moved what ``before`` was, which ``moved`` does by itself.

        Raises:
            ConfigError: not at all.
        """
        ...

    def again(self) -> None:
        """Add the gradients of one more forward and backward pass over all rows."""
        ...

    def forget(self) -> None:
        """Clear the gradients; ``gradient`` still knows the plain ones."""
        ...

    def add_plain(self) -> None:
        """Add the plain gradients to those there are."""
        ...


class Average(Protocol):
    """Weights that are scored and saved in place of the last ones."""

    average: list[Tensor]
    updates: int

    def update(self) -> None:
        """Take in the weights after an optimizer step."""
        ...

    def applied(self, model_parameters: Sequence[Tensor]) -> AbstractContextManager[None]:
        """Return the context in which the model holds the average."""
        ...


class Trick(Protocol):
    """The one method that every trick has; see above for the others."""

    def attach(self, setting: Setting) -> None:
        """Find what the trick works on.

        Raises:
            ConfigError: there is nothing; says what was looked for.
        """
        ...
