"""Steps of torch's fused Adam without the Python around its kernel, which takes longer than that for a small model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

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
        tensors: parameters, gradients and ``STATES``, a list of each.
    """

    options: dict[str, Any]
    decoupled: bool
    dtype: torch.dtype
    tensors: list[list[Tensor]]


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
            parameters, gradients, first, second, steps = group.tensors
            for step in steps:
                step.add_(ONE)  # for a few numbers quicker than the kernel that adds to many tensors
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
    found = []
    for own in optimizer.param_groups:
        parameters = [parameter for parameter in own["params"] if parameter.grad is not None]
        if not parameters:
            continue
        states = [optimizer.state.get(parameter) for parameter in parameters]
        if not all(states) or not _is_known(own, parameters):
            return None
        options = {name: own[name] for name in OPTIONS} | dict(zip(("beta1", "beta2"), own["betas"], strict=True))
        kept = [[state[name] for state in states if state] for name in STATES]
        tensors = [parameters, [p.grad for p in parameters if p.grad is not None], *kept]
        found.append(Group(options, own["decoupled_weight_decay"], parameters[0].dtype, tensors))
    return found


def _is_known(own: dict[str, Any], parameters: Sequence[Tensor]) -> bool:
    """Return whether the kernel takes the tensors and options of a group as they are."""
    numbers = all(isinstance(value, float) for value in (own["lr"], *own["betas"]))
    dtype = parameters[0].dtype
    here = all(p.device.type == "cpu" and p.dtype is dtype for p in parameters)
    dense = not any(p.grad.is_sparse for p in parameters if p.grad is not None)
    plain = own["fused"] and not (own["amsgrad"] or own["differentiable"])
    return bool(numbers and here and dense and plain)


def _put(groups: Sequence[Group], together: list[Group]) -> None:
    """Put each group to one of the same options, or behind them."""
    for group in groups:
        same = next((other for other in together if other[:3] == group[:3]), None)
        if same is None:
            together.append(group)
            continue
        for tensors, more in zip(same.tensors, group.tensors, strict=True):
            tensors += more
