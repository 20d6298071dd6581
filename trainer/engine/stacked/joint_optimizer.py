"""The optimizers of several folds stepped in one call, where torch works on one tensor after the other anyway."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Adam, AdamW, Optimizer


class JointOptimizer:
    """Steps the optimizers of several folds.

    torch's fused Adam computes each tensor by itself: one optimizer that holds the tensors of all folds, parameters and
    moments alike, comes to the same bits, and is called once. It is used where all folds have the same learning rates.

    Args:
        optimizers: of the folds, built alike.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = optimizers
        self._joint: Optimizer | None = None
        self._can_be_joint = all(_is_fused_adam(optimizer) for optimizer in optimizers)

    def step(self) -> None:
        """Step them all."""
        if not (self._can_be_joint and self._same_options() and self._begun()):
            for optimizer in self.optimizers:
                optimizer.step()
            return
        if self._joint is None:
            self._joint = self._all_in_one()
        for own, first in zip(self._joint.param_groups, self.optimizers[0].param_groups, strict=True):
            own.update(_options(first))
        self._joint.step()

    def _begun(self) -> bool:
        """Return whether each has its moments; its own first step makes them."""
        return self._joint is not None or all(
            optimizer.state.get(parameter)
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        )

    def _same_options(self) -> bool:
        first, *others = (list(map(_options, optimizer.param_groups)) for optimizer in self.optimizers)
        return all(options == first for options in others)

    def _all_in_one(self) -> Optimizer:
        first = self.optimizers[0]
        assert isinstance(first, Adam)
        of_folds = zip(*(optimizer.param_groups for optimizer in self.optimizers), strict=True)
        groups = [{**_options(same[0]), "params": [p for group in same for p in group["params"]]} for same in of_folds]
        joint = type(first)(groups)
        for optimizer in self.optimizers:
            joint.state.update(optimizer.state)  # the tensors themselves, which both step
        return joint


def _is_fused_adam(optimizer: Optimizer) -> bool:
    return type(optimizer) in (Adam, AdamW) and all(group["fused"] for group in optimizer.param_groups)


def _options(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}
