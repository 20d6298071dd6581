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
    """What is known of an optimizer, as long as it holds."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.state, self.groups = optimizer.state, optimizer.param_groups
        self.sizes = len(self.state), len(self.groups)
        self.members = [Members(own, self.state) for own in self.groups]

    def holds(self, optimizer: Optimizer) -> bool:
        """Return whether the optimizer has the state it had: no other was loaded, none is new."""
        sizes = len(optimizer.state), len(optimizer.param_groups)
        return optimizer.state is self.state and optimizer.param_groups is self.groups and sizes == self.sizes


_optimized: WeakKeyDictionary[Optimizer, Optimized] = WeakKeyDictionary()


def step_optimizers(optimizers: Sequence[Optimizer]) -> None:
    """Do what ``step()`` of each does: the same kernel on the same tensors, so the same bits.

    The kernel computes each tensor by itself, so all that have the same options are given to it in one call. What is
    not known to be such a call and nothing else (another kind, hooks, the first step) is left to torch.
    """
    together: list[Group] = []
    for optimizer in optimizers:
        groups = _groups(optimizer) if _is_plain(optimizer) else None
        if groups is None:
            optimizer.step()
        else:
            _put(groups, together)
    with torch.no_grad():
        for group in together:
            parameters, gradients, first, second, steps, counts = group.tensors
            for count in counts:
                count.add_(ONE)  # for a few numbers quicker than the kernel that adds to many tensors
            kernel = torch._fused_adamw_ if group.decoupled else torch._fused_adam_
            kernel(parameters, gradients, first, second, [], steps, amsgrad=False, **group.options)


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


def _groups(optimizer: Optimizer) -> list[Group] | None:
    """Return the tensors that have gradients; None = torch has to take the step."""
    known = _optimized.get(optimizer)
    if known is None or not known.holds(optimizer):
        known = _optimized[optimizer] = Optimized(optimizer)
    found = []
    for own, members in zip(optimizer.param_groups, known.members, strict=True):
        tensors = members.tensors()
        if tensors is None or not _has_numbers(own):
            del _optimized[optimizer]  # torch's step may make what is lacking
            return None
        if not tensors:
            continue
        options = {name: own[name] for name in OPTIONS} | dict(zip(("beta1", "beta2"), own["betas"], strict=True))
        found.append(Group(options, own["decoupled_weight_decay"], members.dtype, tensors))
    return found


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
