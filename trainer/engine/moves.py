"""How far a trick has moved what it works on."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Moves:
    """How far a trick has moved weights.

    Attributes:
        tensors: of weights.
        numbers: in them.
        distance: L2 norm of the way.
        size: L2 norm of the weights.
        what: they are.
    """

    tensors: int
    numbers: int
    distance: float
    size: float
    what: str = "weights"

    @classmethod
    def of(cls, now: Sequence[Tensor], before: Sequence[Tensor], what: str = "weights") -> "Moves":
        """Measure the way from ``before``."""
        pairs = [(one.detach().double(), other.double()) for one, other in zip(now, before, strict=True)]
        way = sum(float((one - other).square().sum()) for one, other in pairs) ** 0.5
        size = sum(float(other.square().sum()) for _, other in pairs) ** 0.5
        return cls(len(pairs), sum(one.numel() for one, _ in pairs), way, size, what)

    @property
    def is_finite(self) -> bool:
        """Whether the gradients were: a step that overflows is skipped."""
        return self.distance < float("inf")

    def as_message(self) -> str:
        """Return the way in words."""
        share = f", {self.distance / self.size:.2g} of their norm" if self.size else ""
        plural = "s" * (self.tensors != 1)
        return f"moves {self.numbers:,} {self.what} in {self.tensors} tensor{plural} by {self.distance:.3g}{share}"
