"""Steps of torch's fused Adam without the Python around its kernel, which takes longer than that for a small model."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer
from torch.optim import optimizer as of_torch

OPTIONS = ("lr", "weight_decay", "eps", "maximize")
STATES = ("exp_avg", "exp_avg_sq", "step")
ONE = torch.tensor(1.0)


class Group(NamedTuple):
    """Tensors that the kernel is given in one call.

    Attributes:
        options: of the kernel.
        decoupled: whether weights decay by themselves (AdamW).
        dtype: of the tensors.
        tensors: parameters, gradients and ``STATES``, a list of each; last what is added to, to count the step.
    """

    options: dict[str, Any]
    decoupled: bool
    dtype: torch.dtype
    tensors: list[list[Tensor]]


class Members:
    """The parameters of one group of an optimizer, whose tensors stay the same from one step to the next.

    Args:
        own: the group.
        state: of the optimizer; the numbers that count the steps become parts of one tensor.
    """

    def __init__(self, own: dict[str, Any], state: Mapping[Tensor, dict[str, Any]]) -> None:
        self.own = own
        self.parameters = [parameter for parameter in own["params"] if state.get(parameter)]
        self.without_state = [parameter for parameter in own["params"] if not state.get(parameter)]
        self.is_known = _is_known(own, self.parameters)
        if not self.is_known:
            return
        self.dtype = self.parameters[0].dtype
        states = [state[parameter] for parameter in self.parameters]
        self.count = torch.stack([kept["step"] for kept in states])  # added to in one call
        for kept, step in zip(states, self.count.unbind(0), strict=True):
            kept["step"] = step
        self.states = [[kept[name] for kept in states] for name in STATES]

    def tensors(self) -> list[list[Tensor]] | None:
        """Return those of a step as ``Group`` has them, none where none has a gradient; None = torch has to step."""
        if any(parameter.grad is not None for parameter in self.without_state):
            return None
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if not gradients:
            return []
        if not self.is_known:
            return None
        if len(gradients) == len(self.parameters):
            return [[*self.parameters], gradients, *map(list, self.states), [self.count]]
        places = [place for place, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters, *states = ([kept[place] for place in places] for kept in (self.parameters, *self.states))
        return [parameters, gradients, *states, [*states[-1]]]


class Optimized:
    """What is known of an optimizer, as long as it holds.

    Attributes:
        joint: what is known of all that stepped together last, where it was the first of them.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.state, self.groups = optimizer.state, optimizer.param_groups
        self.sizes = len(self.state), len(self.groups)
        self.members = [Members(own, self.state) for own in self.groups]
        self.joint: Joint | None = None

    def holds(self, optimizer: Optimizer) -> bool:
        """Return whether the optimizer has the state it had: no other was loaded, none is new."""
        sizes = len(optimizer.state), len(optimizer.param_groups)
        return optimizer.state is self.state and optimizer.param_groups is self.groups and sizes == self.sizes


class Joint:
    """All tensors of optimizers that step together, for steps in which all of them have gradients and like options.

    Args:
        optimized: of each.
    """

    def __init__(self, optimized: Sequence[Optimized]) -> None:
        self.optimized = list(optimized)
        self.alike = [JointGroup(members) for members in zip(*(own.members for own in optimized), strict=False)]
        self.is_known = len({len(own.members) for own in optimized}) == 1

    def taken(self) -> list[Group] | None:
        """Return what a step is taken with; None where it has to be looked at optimizer by optimizer."""
        if not self.is_known:
            return None
        groups = [group.taken() for group in self.alike]
        known = [group for group in groups if group is not None]
        return known if len(known) == len(groups) else None


class JointGroup:
    """The tensors of a group of optimizers, the first or the second, ..., of each.

    Args:
        members: of each optimizer.
    """

    def __init__(self, members: Sequence[Members]) -> None:
        self.own = [each.own for each in members]
        self.is_known = all(each.is_known and not each.without_state for each in members)
        self.is_known = self.is_known and len({each.dtype for each in members}) == 1
        if self.is_known:
            self.parameters = [parameter for each in members for parameter in each.parameters]
            self.states = [[kept for each in members for kept in each.states[place]] for place in range(len(STATES))]
            self.counts = [each.count for each in members]

    def taken(self) -> Group | None:
        """Return what a step is taken with; None where options differ, or a gradient is lacking."""
        if not self.is_known or not _has_numbers(self.own[0]):
            return None
        options = _values(self.own[0])
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        if any(_values(own) != options for own in self.own[1:]) or any(gradient is None for gradient in gradients):
            return None
        return _group(self.own[0], self.parameters[0].dtype, [self.parameters, gradients, *self.states, self.counts])


_optimized: WeakKeyDictionary[Optimizer, Optimized] = WeakKeyDictionary()


def step_optimizers(optimizers: Sequence[Optimizer]) -> None:
    """Do what ``step()`` of each does: the same kernel on the same tensors, so the same bits.

    The kernel computes each tensor by itself, so all that have the same options are given to it in one call. What is
    not known to be such a call and nothing else (another kind, hooks, the first step) is left to torch.
    """
    for group in _groups_of_all(optimizers):
        parameters, gradients, first, second, steps, counts = group.tensors
        with torch.no_grad():
            for count in counts:
                count.add_(ONE)  # for a few numbers quicker than the kernel that adds to many tensors
            kernel = torch._fused_adamw_ if group.decoupled else torch._fused_adam_
            kernel(parameters, gradients, first, second, [], steps, amsgrad=False, **group.options)


def _groups_of_all(optimizers: Sequence[Optimizer]) -> list[Group]:
    """Return the tensors that are stepped here; the others have been stepped by torch."""
    known = [_known(optimizer) if _is_plain(optimizer) else None for optimizer in optimizers]
    if known and all(known):
        first: Any = known[0]
        if first.joint is None or first.joint.optimized != known:
            first.joint = Joint([own for own in known if own])
        joint: list[Group] | None = first.joint.taken()
        if joint is not None:
            return joint
    together: list[Group] = []
    for optimizer, own in zip(optimizers, known, strict=True):
        groups = None if own is None else _groups(optimizer, own)
        if groups is None:
            optimizer.step()
        else:
            _put(groups, together)
    return together


def _is_plain(optimizer: Optimizer) -> bool:
    """Return whether the optimizer has stepped already, and its step is nothing but the kernel's work."""
    hooks = (
        optimizer._optimizer_step_pre_hooks,
        optimizer._optimizer_step_post_hooks,
        of_torch._global_optimizer_pre_hooks,
        of_torch._global_optimizer_post_hooks,
    )
    begun = getattr(optimizer, "_opt_called", False)  # schedules note it; without one every step is torch's
    return type(optimizer) in (Adam, AdamW) and begun and not any(hooks)


def _known(optimizer: Optimizer) -> Optimized:
    known = _optimized.get(optimizer)
    if known is None or not known.holds(optimizer):
        known = _optimized[optimizer] = Optimized(optimizer)
    return known


def _groups(optimizer: Optimizer, known: Optimized) -> list[Group] | None:
    """Return the tensors that have gradients; None = torch has to take the step."""
    found = []
    for own, members in zip(optimizer.param_groups, known.members, strict=True):
        tensors = members.tensors()
        if tensors is None or not _has_numbers(own):
            del _optimized[optimizer]  # torch's step may make what is lacking
            return None
        if tensors:
            found.append(_group(own, members.dtype, tensors))
    return found


def _group(own: dict[str, Any], dtype: torch.dtype, tensors: list[list[Tensor]]) -> Group:
    options = {name: own[name] for name in OPTIONS} | dict(zip(("beta1", "beta2"), own["betas"], strict=True))
    return Group(options, own["decoupled_weight_decay"], dtype, tensors)


def _values(own: dict[str, Any]) -> tuple[Any, ...]:
    """Return all that a group's step depends on, besides its tensors."""
    return own["lr"], own["weight_decay"], own["eps"], own["maximize"], own["decoupled_weight_decay"], own["betas"]


def _has_numbers(own: dict[str, Any]) -> bool:
    """Return whether the options of a group, which a schedule may change, are what the kernel takes."""
    return all(isinstance(value, float) for value in (own["lr"], *own["betas"]))


def _is_known(own: dict[str, Any], parameters: Sequence[Tensor]) -> bool:
    """Return whether the kernel takes the tensors of a group, and all that it does is the kernel's work."""
    if not parameters:
        return False
    dtype = parameters[0].dtype
    here = all(p.device.type == "cpu" and p.dtype is dtype for p in parameters)
    dense = not any(p.grad.is_sparse for p in parameters if p.grad is not None)
    return bool(here and dense and own["fused"] and not (own["amsgrad"] or own["differentiable"]))


def _put(groups: Sequence[Group], together: list[Group]) -> None:
    """Put each group to one of the same options, or behind them."""
    for group in groups:
        same = next((other for other in together if other[:3] == group[:3]), None)
        if same is None:
            together.append(group)
            continue
        for tensors, more in zip(same.tensors, group.tensors, strict=True):
            tensors += more
