"""Exponential moving average of the weights.

torch's AveragedModel averages in the parameters' own dtype: under O2 the half weights would freeze it (a step of
1e-3 is below half's resolution). This one averages what the optimizer steps, float32 under O2.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class WeightAverage:
    """``average = decay * average + (1 - decay) * weights`` after each optimizer step; the first step copies.

    Args:
        parameters: what the optimizer steps.
        decay: in [0, 1).
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.average = [p.detach().clone() for p in self.parameters]
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after an optimizer step."""
        weight = 1.0 if self.updates == 0 else 1.0 - self.decay
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], weight)
        self.updates += 1

    @contextmanager
    def applied(self, model_parameters: Sequence[Tensor]) -> Iterator[None]:
        """Put the average into the model for the length of the block, then put the weights back."""
        kept = [p.detach().clone() for p in model_parameters]
        try:
            copy_into(model_parameters, self.average)
            yield
        finally:
            copy_into(model_parameters, kept)


@torch.no_grad()
def copy_into(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Copy each source into its target, cast to the target's dtype."""
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
