"""BatchNorm over the rows of all processes: mean and variance are those of the whole batch, as in one process.

torch's ``nn.SyncBatchNorm`` does so on GPUs only (2.14.1), and a share without rows has to take part too.
"""

from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_batchnorm(model: nn.Module) -> bool:
    """Return whether a module of the model normalises by its batch."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def synchronise(model: nn.Module) -> None:
    """Let every BatchNorm compute with the rows of all processes while it trains; names and values stay."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(module: _BatchNorm, inputs: Tensor) -> Tensor:
    """Normalise ``inputs`` (B, C, ...), of which other processes have other rows."""
    if not module.training:
        normed: Tensor = type(module).forward(module, inputs)
        return normed
    others, shape = [0, *range(2, inputs.dim())], [1, -1, *[1] * (inputs.dim() - 2)]
    values = inputs.float()
    count = _total(values.new_tensor(float(values.numel() // values.shape[1])))
    mean_C = _total(values.sum(others)) / count
    centred = values - mean_C.view(shape)
    variance_C = _total(centred.square().sum(others)) / count
    _remember(module, mean_C.detach(), variance_C.detach(), count)
    normed = centred * torch.rsqrt(variance_C + module.eps).view(shape)
    if module.affine:
        normed = normed * module.weight.float().view(shape) + module.bias.float().view(shape)
    return normed.to(inputs.dtype)


@torch.no_grad()
def _remember(module: _BatchNorm, mean_C: Tensor, variance_C: Tensor, count: Tensor) -> None:
    """Update the running statistics, as ``nn.BatchNorm`` does."""
    if module.running_mean is None or module.running_var is None or module.num_batches_tracked is None:
        return
    module.num_batches_tracked.add_(1)
    share = 1.0 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
    unbiased_C = variance_C * (count / (count - 1).clamp(min=1))
    module.running_mean.lerp_(mean_C.to(module.running_mean.dtype), share)
    module.running_var.lerp_(unbiased_C.to(module.running_var.dtype), share)


class _Total(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all gradients of it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed


def _total(values: Tensor) -> Tensor:
    summed: Tensor = _Total.apply(values)
    return summed
