"""What a model may offer besides ``forward``; each part is optional and used where it is there.

``head`` (a sub-module) is what starts fresh on pretrained weights: ``fit.head_lr`` is its learning rate, all else is
the backbone. ``layers()`` lists its layers, input first, for ``fit.layer_decay`` and gradual unfreezing.
``get_input_embeddings()`` returns the ``nn.Embedding`` of its inputs, or a list of them, for ``tricks``. A model with
``encode`` has its frozen backbone run once over the data (``fit.freeze_epochs=all``). A network for images whose
weights are published may have a static method ``weights_moments``: given the section's arguments, it returns the mean
and the standard deviation per channel, of pixels in 0..1, that they were trained with (``normalize=weights``).
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Layered(Protocol):
    """A backbone in layers below a head."""

    head: nn.Module

    def layers(self) -> Sequence[nn.Module]:
        """Return the backbone's layers from input to output; together they hold all parameters outside the head."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A model whose backbone turns inputs into one vector per row, which its head turns into logits.

    ``forward(**inputs)`` equals ``forward(features=encode(**inputs))``: the head is given stored features in place of
    the inputs. An attribute ``encodes = False`` says that this one has no such vector after all.
    """

    head: nn.Module

    def encode(self, **inputs: Any) -> Tensor:
        """Return ``features`` (B, D), computed without any parameter of the head."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """A model whose inputs are codes: tokens or categories."""

    def get_input_embeddings(self) -> nn.Module | Sequence[nn.Module]:
        """Return the tables that turn codes into vectors; an empty list where the inputs are numbers."""
        ...
