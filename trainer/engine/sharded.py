"""FSDP2 (``fully_shard``): each process holds a part of the weights, their gradients and the optimizer's state.

What is saved and scored is whole: the files are those of one process, and any number of processes goes on from them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trainer.engine.freezing import layers_of
from trainer.errors import ConfigError


def shard(model: nn.Module, size: int) -> None:
    """Leave each of ``size`` processes a part of every parameter; layers are put together one at a time.

    The gradients are sums over the processes, as ``process_group`` has them, not means.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    device = next(model.parameters()).device
    mesh = init_device_mesh(device.type, (size,))
    for layer in [*_layers(model), model]:
        fully_shard(layer, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo knows no other


def _layers(model: nn.Module) -> list[nn.Module]:
    try:
        return layers_of(model, "executor.shard")
    except ConfigError:  # it is put together as a whole
        return []


def whole(value: Tensor) -> Tensor:
    """Return a tensor that processes have in parts as one that each has; all have to call this."""
    full = getattr(value, "full_tensor", None)
    joined: Tensor = value if full is None else full()
    return joined


def own_part(value: Tensor) -> Tensor:
    """Return this process's part of a tensor, or the tensor where it has no parts."""
    local = getattr(value, "to_local", None)
    part: Tensor = value if local is None else local()
    return part


def like(value: Any, held: Any) -> Any:
    """Return a whole tensor in parts as ``held`` is; anything else as it is."""
    if not isinstance(value, Tensor) or not hasattr(held, "placements") or hasattr(value, "placements"):
        return value
    if value.shape != held.shape:  # such as a number of steps
        return value
    from torch.distributed.tensor import distribute_tensor

    with torch.no_grad():
        return distribute_tensor(value.to(held.device), held.device_mesh, held.placements, src_data_rank=None)


def all_like(values: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state_dict in parts as another is."""
    return {name: like(value, held.get(name)) for name, value in values.items()}
