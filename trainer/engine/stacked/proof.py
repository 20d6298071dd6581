"""Whether a joint step is the same bits as the steps of the folds by themselves: tried on the very step to be taken."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from trainer.data.loading.batches import Batch
from trainer.engine.loops import Learner, summed_loss, total_weight
from trainer.engine.own_random import OwnRandom
from trainer.engine.stacked.stack import Stack, native, own_random
from trainer.engine.stepwise import Step
from trainer.errors import NonFiniteError

Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class Alone:
    """What a step of one fold comes to when it is computed by itself, on a copy of the model.

    Attributes:
        losses: of its batches.
        gradients: by parameter.
        buffers: of the model.
        generator: state of what dropout draws from.
    """

    losses: tuple[Tensor, ...]
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]
    generator: Tensor

    def put_into(self, model: nn.Module, random: OwnRandom) -> None:
        """Let the model be where this step has led."""
        for name, parameter in model.named_parameters():
            parameter.grad = self.gradients.get(name)
        for name, buffer in model.named_buffers():
            buffer.copy_(self.buffers[name])
        random.generator.set_state(self.generator)


def take_proved(stack: Stack, steps: Sequence[Step], first: int) -> tuple[bool, list[NonFiniteError | None]]:
    """Take the steps as ``stack.take`` does; return also whether they are what each fold comes to by itself.

    Where they are not, each fold has taken its step as it does by itself.
    """
    alone = [computed_alone(step.learner, step.batches) for step in steps]
    weights = [total_weight(step.learner.loss, step.batches) for step in steps]
    losses: Sequence[Sequence[Tensor]] = stack.backward(steps, first, weights)
    alike = all(same(left_by(step.learner, own), other) for step, own, other in zip(steps, losses, alone, strict=True))
    if not alike:
        losses = [each.losses for each in alone]
        for step, each in zip(steps, alone, strict=True):
            each.put_into(step.learner.model, own_random(step.learner))
    return alike, stack.end(steps, losses, weights)


def computed_alone(learner: Learner, batches: Sequence[Batch]) -> Alone:
    """Compute losses and gradients of a step by themselves; the fold stays where it is."""
    generator = _generator(learner)
    before = generator.get_state()
    twin, losses = copy.deepcopy(learner.model), list[Tensor]()
    weight = total_weight(learner.loss, batches)
    with learner.own_random():
        for batch in batches:
            loss = summed_loss(learner.loss, native(learner).forward(twin, batch.inputs), batch)
            native(learner).backward(loss, weight + (weight == 0))
            losses.append(loss.detach())
    found = _found(twin, losses, generator)
    generator.set_state(before)
    return found


def left_by(learner: Learner, losses: Sequence[Tensor]) -> Alone:
    """Return what a step has left in a fold."""
    return _found(learner.model, losses, _generator(learner))


def same(one: Alone, other: Alone) -> bool:
    """Return whether both came to the same bits (a NaN is as good as another)."""
    return (
        _equal(dict(enumerate(one.losses)), dict(enumerate(other.losses)))
        and _equal(one.gradients, other.gradients)
        and _equal(one.buffers, other.buffers)
        and torch.equal(one.generator, other.generator)
    )


def _generator(learner: Learner) -> torch.Generator:
    """Return what the fold's dropout draws from."""
    return torch.default_generator if learner.random is None else learner.random.generator


def _found(model: nn.Module, losses: Sequence[Tensor], generator: torch.Generator) -> Alone:
    gradients = {name: own.grad.clone() for name, own in model.named_parameters() if own.grad is not None}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return Alone(tuple(losses), gradients, buffers, generator.get_state())


def _equal(ones: Mapping[Key, Tensor], others: Mapping[Key, Tensor]) -> bool:
    return ones.keys() == others.keys() and all(
        torch.equal(ones[key].nan_to_num(), others[key].nan_to_num())
        and torch.equal(ones[key].isnan(), others[key].isnan())
        for key in ones
    )
