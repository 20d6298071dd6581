"""The training step of a fold with tricks (``trainer/tricks/contract.py``), in place of ``loops.train_step``.

Gradients are those of a whole window: weights are moved along the gradient of all its rows, so accumulation equals one
large batch here too. Gradients carry the loss scale until they are clipped; what moves weights divides by their norm.
Every further pass leaves BatchNorm's statistics as the plain pass has made them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.data.loading.batches import Batch
from trainer.engine.ema import copy_into
from trainer.engine.fused_step import step_optimizers
from trainer.engine.loops import (
    Learner,
    Totals,
    logits_of,
    normaliser_of,
    row_losses,
    summed_loss,
    take_in,
    total_weight,
)
from trainer.engine.moves import Moves
from trainer.engine.precision.precision import HALF_TYPES, Precision, RefuseProbabilities
from trainer.errors import ConfigError
from trainer.tricks.contract import Average


@dataclass
class RowsOfBatch:
    """The rows of one batch, as ``trainer.tricks.contract.Rows``."""

    learner: Learner
    batch: Batch

    @property
    def weights_B(self) -> Tensor:
        """Sample weight x the loss's normaliser (B,)."""
        return normaliser_of(self.learner.loss, self.batch) * self.batch.weights_B

    def logits(self) -> Tensor:
        """Return the logits of one more forward pass."""
        return logits_of(self.learner, self.batch)

    def loss(self, logits: Tensor) -> Tensor:
        """Return the sum over the rows of sample weight x loss."""
        return summed_loss(self.learner.loss, logits, self.batch)

    def row_losses(self, logits: Tensor) -> Tensor:
        """Return sample weight x loss of each row (B,)."""
        return row_losses(self.learner.loss, logits, self.batch)


class WindowOfRows:
    """The rows of one step, as ``trainer.tricks.contract.Window``.

    Args:
        tricks: of the fold.
        learner: changed in place.
        batches: whose rows they are.
        divisor: the weight of all rows.
        watched: look at what moves, and refuse the log of probabilities: in the first step of an epoch.
    """

    def __init__(
        self, tricks: "Tricks", learner: Learner, batches: Sequence[Batch], divisor: Tensor | float, *, watched: bool
    ) -> None:
        self.tricks, self.learner, self.batches, self.divisor = tricks, learner, batches, divisor
        self.watched = watched
        self.at_work = ""  # the trick whose turn it is
        self.plain: dict[int, Tensor] = {}

    def first(self) -> list[Tensor]:
        """Take the plain pass; return the losses of the batches."""
        losses = self._pass()
        several = len(self.tricks.further) > 1
        self.plain = {
            id(p): p.grad.clone() if several else p.grad
            for p in self.learner.precision.model_parameters
            if p.grad is not None and self.tricks.further
        }
        return losses

    def again(self) -> None:
        """Add the gradients of one more pass."""
        with without_statistics(self.tricks.batchnorms):
            self._pass()

    def _pass(self) -> list[Tensor]:
        learner, losses = self.learner, []
        for batch in self.batches:
            half = learner.precision.half_outputs and self.watched
            with RefuseProbabilities() if half else nullcontext():
                loss = self.tricks.loss_of(RowsOfBatch(learner, batch))
            learner.precision.backward(loss, self.divisor)
            losses.append(loss.detach())
        return losses

    def gradient(self, parameter: Tensor) -> Tensor | None:
        """Return the plain gradient, times the loss scale, in float32 or better."""
        plain = self.plain.get(id(parameter))
        return plain.float() if plain is not None and plain.dtype in HALF_TYPES else plain

    def forget(self) -> None:
        """Clear the gradients."""
        for parameter in self.learner.precision.model_parameters:
            parameter.grad = None

    @torch.no_grad()
    def add_plain(self) -> None:
        """Add the plain gradients to those there are."""
        for parameter in self.learner.precision.model_parameters:
            plain = self.plain.get(id(parameter))
            if plain is not None:
                parameter.grad = plain if parameter.grad is None else parameter.grad + plain

    @contextmanager
    def moved(self, parameters: Sequence[Tensor], by: Sequence[Tensor]) -> Iterator[None]:
        """Move parameters for the length of the block.

        Raises:
            ConfigError: nothing has moved, in the first step.
        """
        kept = [parameter.detach().clone() for parameter in parameters]
        try:
            self._move(parameters, by)
            self.note(parameters, kept, by)
            yield
        finally:
            copy_into(parameters, kept)

    @torch.no_grad()
    def _move(self, parameters: Sequence[Tensor], by: Sequence[Tensor]) -> None:
        if self.tricks.exact:
            exact = [self.tricks.exact.get(id(parameter), parameter).detach() for parameter in parameters]
            copy_into(parameters, [one + own.to(one.dtype) for one, own in zip(exact, by, strict=True)])
        elif parameters:
            ways = [own.to(one.dtype) for one, own in zip(parameters, by, strict=True)]
            torch._foreach_add_([parameter.detach() for parameter in parameters], ways)

    def note(
        self, now: Sequence[Tensor], before: Sequence[Tensor], by: Sequence[Tensor], what: str = "weights"
    ) -> None:
        """Note once how far a trick has moved something, as it is in the model.

        Raises:
            ConfigError: not at all.
        """
        if self.at_work in self.tricks.moves:
            return
        moves = Moves.of(now, before, what)
        asked = Moves.of(by, [torch.zeros_like(one) for one in by])
        if moves.is_finite and not moves.distance:
            why = "they have no gradient" if not now else "their gradient is zero"
            if asked.distance:
                why = f"{asked.distance:.2g} is lost in {str(now[0].dtype)[6:]}"
            raise ConfigError(
                f"tricks={self.at_work} has moved nothing: {why}\n"
                f"leave {self.at_work} out, or set it larger (tricks.{self.at_work}), or use amp=O0 or O1"
            )
        if moves.is_finite:
            self.tricks.moves[self.at_work] = moves


@dataclass
class Tricks:
    """The tricks of one fold, attached to its model.

    Attributes:
        named: by name, in the order in which they take their turns.
        moves: how far each one that moves weights did so when it first could.
        exact: the float32 copy of a model's parameter, by the parameter's id, where there are such.
        batchnorms: of the model.
    """

    named: Mapping[str, Any]
    moves: dict[str, Moves] = field(default_factory=dict)
    exact: dict[int, Tensor] = field(default_factory=dict)
    batchnorms: list[nn.Module] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what cannot be combined.

        Raises:
            ConfigError: names both.
        """
        for method in ("batch_loss", "averaged"):
            self._require_one([name for name, trick in self.named.items() if hasattr(trick, method)])
        self.further = [name for name, trick in self.named.items() if hasattr(trick, "further")]
        replacing = [name for name in self.further if getattr(self.named[name], "replaces", False)]
        if replacing:
            self._require_one([*replacing, *(name for name in self.further if name not in replacing)])
        self.loss_trick = next((trick for trick in self.named.values() if hasattr(trick, "batch_loss")), None)

    def _require_one(self, names: Sequence[str]) -> None:
        for one, other in pairwise(names):
            raise ConfigError(
                f"tricks=[{one},{other}]: both take the place of the plain gradient or weights: leave one of them out"
            )

    def bind(self, precision: Precision, model: nn.Module) -> Average | None:
        """Take in what the precision has made of the model; return the average that a trick keeps, or None."""
        if precision.has_masters:
            pairs = zip(precision.model_parameters, precision.parameters, strict=True)
            self.exact = {id(own): master for own, master in pairs}
        self.batchnorms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        for name, trick in self.named.items():
            if hasattr(trick, "at_start"):
                self.moves[name] = Moves.of(*trick.at_start())
        for trick in self._with("begin"):
            trick.begin(precision.parameters)
        averaging = [trick for trick in self.named.values() if hasattr(trick, "averaged")]
        average: Average | None = averaging[0].averaged(precision.parameters) if averaging else None
        return average

    def loss_of(self, rows: RowsOfBatch) -> Tensor:
        """Return the summed loss of a batch."""
        if self.loss_trick is None:
            return rows.loss(rows.logits())
        loss: Tensor = self.loss_trick.batch_loss(rows)
        return loss

    def take_step(self, learner: Learner, batches: Sequence[Batch], clip_norm: float | None, totals: Totals) -> None:
        """Take one optimizer step, as ``loops.train_step`` does."""
        for trick in self._with("changed"):
            batches = [trick.changed(batch) for batch in batches]
        weight = total_weight(learner.loss, batches)
        window = WindowOfRows(self, learner, batches, weight + (weight == 0), watched=totals.steps == 0)
        losses = window.first()
        for name in self.further:
            window.at_work = name
            self.named[name].further(window)
        precision = learner.precision
        assert isinstance(precision, Precision)
        ready = precision.make_ready(clip_norm)
        if ready:
            for trick in self._with("before_step"):
                trick.before_step(precision.parameters)
            step_optimizers([learner.optimizer])
            for trick in self._with("after_step"):
                trick.after_step(precision.parameters)
        precision.end_step(stepped=ready)
        if ready:
            take_in(learner, losses, weight, totals)

    def _with(self, method: str) -> Iterator[Any]:
        return (trick for trick in self.named.values() if hasattr(trick, method))

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the tricks that have one, by name."""
        return {name: trick.state_dict() for name, trick in self.named.items() if hasattr(trick, "state_dict")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in saved states.

        Raises:
            KeyError: a trick's is not there.
        """
        for name, trick in self.named.items():
            if hasattr(trick, "load_state_dict"):
                trick.load_state_dict(state[name])


@contextmanager
def without_statistics(batchnorms: Sequence[nn.Module]) -> Iterator[None]:
    """Let BatchNorm normalise by the batch and keep its running statistics as they are."""
    tracking: list[Any] = [module for module in batchnorms if module.training and module.track_running_stats]
    try:
        for module in tracking:
            module.track_running_stats = False
        yield
    finally:
        for module in tracking:
            module.track_running_stats = True
