"""Parameters and operations of a model, by two counters: thop's familiar figures and the true ones.

thop counts multiply-accumulates (MACs) per leaf module it knows; torch's FlopCounterMode counts the floating
point operations (FLOPs, two per MAC) of the matrix products and convolutions that really ran.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from trainer.system.fast_import import import_flop_counter_without_triton, import_thop_without_distutils
from trainer.system.kernels import switched_off

Inputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class ModuleRow:
    """One module: what it holds and does itself, its sub-modules left out.

    Attributes:
        name: path in the model; empty for the model itself.
        type: class name.
        params: parameters of its own.
        flops: of one forward; 0 where FLOPs could not be counted.
        thop_macs: what thop gives it.
        thop_params: what thop gives it.
    """

    name: str
    type: str
    params: int
    flops: int
    thop_macs: int
    thop_params: int


@dataclass(frozen=True)
class Missed:
    """What thop left out of its sums, for all modules of one class.

    Attributes:
        type: class name.
        modules: how many.
        params: parameters not counted.
        flops: FLOPs of modules for which thop counted no MAC.
    """

    type: str
    modules: int
    params: int
    flops: int


@dataclass(frozen=True)
class Padded:
    """What thop counts too much: packed rows as if each had the longest's length, for all modules of one class.

    Attributes:
        type: class name.
        modules: how many.
        macs: of steps that are not computed.
    """

    type: str
    modules: int
    macs: int


def count_params(model: nn.Module) -> tuple[int, int, int]:
    """Return the number of parameters: total, trainable, in embeddings; a shared one counts once."""
    embeddings = {
        id(p): p.numel()
        for module in model.modules()
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag))
        for p in module.parameters(recurse=False)
    }
    params = list(model.parameters())
    trainable = sum(p.numel() for p in params if p.requires_grad)
    return sum(p.numel() for p in params), trainable, sum(embeddings.values())


def count_flops(model: nn.Module, inputs: Inputs) -> tuple[int, dict[str, int]]:
    """FLOPs of one forward in eval mode: the total, and by module path what it does itself.

    Attention runs by plain matrix products and recurrent layers step by step: the counter does not see into
    the fused kernels.
    """
    import_flop_counter_without_triton()
    from torch.utils.flop_counter import FlopCounterMode

    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), _unfused(model), counter:
        model(**inputs)
    root = type(model).__name__
    totals = {
        name.removeprefix(root).removeprefix("."): sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
        if name == root or name.startswith(f"{root}.")
    }
    return counter.get_total_flops(), _without_children(totals)


def count_thop(model: nn.Module, inputs: Inputs) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """Return thop's MACs and parameters of one forward, and both by module path.

    thop leaves buffers in the model and changes it: pass a copy.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_thop_without_distutils()
        import thop

        called = _ByName(model, tuple(inputs))
        macs, params, layers = thop.profile(called, tuple(inputs.values()), verbose=False, ret_layer_info=True)
    return int(macs), int(params), dict(_leaves(layers["model"], ""))


def batchnorm_macs(rows: list[ModuleRow]) -> int:
    """Return the part of thop's MACs that is batch normalisation."""
    return sum(row.thop_macs for row in rows if "BatchNorm" in row.type)


def module_rows(model: nn.Module, flops: Mapping[str, int], thop: Mapping[str, tuple[int, int]]) -> list[ModuleRow]:
    """Return one row for each module that holds parameters or does something itself, in model order."""
    rows = []
    for name, module in model.named_modules():
        params = sum(p.numel() for p in module.parameters(recurse=False))
        macs, thop_params = thop.get(name, (0, 0))
        row = ModuleRow(name, type(module).__name__, params, flops.get(name, 0), macs, thop_params)
        if row.params or row.flops or row.thop_macs:
            rows.append(row)
    return rows


def largest(rows: list[ModuleRow], top: int) -> tuple[ModuleRow, ...]:
    """Return the ``top`` modules with the largest share of the FLOPs or of the parameters."""
    flops = sum(row.flops for row in rows) or 1
    params = sum(row.params for row in rows) or 1
    by_share = sorted(rows, key=lambda row: max(row.flops / flops, row.params / params), reverse=True)
    return tuple(by_share[:top])


def missed_by_thop(rows: list[ModuleRow]) -> tuple[Missed, ...]:
    """Return what thop left out, by class, most parameters first."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        params = max(row.params - row.thop_params, 0)
        flops = row.flops if row.thop_macs == 0 else 0
        if params or flops:
            sums[row.type] = [old + new for old, new in zip(sums[row.type], (1, params, flops), strict=True)]
    missed = [Missed(name, *counts) for name, counts in sums.items()]
    return tuple(sorted(missed, key=lambda one: (one.params, one.flops), reverse=True))


@contextmanager
def steps_of_packed(model: nn.Module) -> Iterator[dict[str, float]]:
    """Note, while ``model`` runs, the share of computed steps in those thop counts, by recurrent module."""
    shares: dict[str, float] = {}

    def note(name: str, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], PackedSequence):
            rows, longest = int(given[0].batch_sizes.max()), len(given[0].batch_sizes)
            shares[name] = len(given[0].data) / (rows * longest)

    recurrent = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.RNNBase)]
    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: note(name, given)) for name, module in recurrent
    ]
    try:
        yield shares
    finally:
        for hook in hooks:
            hook.remove()


def padded_by_thop(rows: list[ModuleRow], shares: Mapping[str, float]) -> tuple[Padded, ...]:
    """Return what thop counts too much for packed rows, by class."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        macs = round(row.thop_macs * (1 - shares.get(row.name, 1.0)))
        if macs:
            sums[row.type] = [old + new for old, new in zip(sums[row.type], (1, macs), strict=True)]
    return tuple(Padded(name, *counts) for name, counts in sums.items())


class _ByName(nn.Module):
    """Takes inputs by position, as thop passes them, and hands them on by name."""

    def __init__(self, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *values: Tensor) -> Any:
        return self.model(**dict(zip(self.names, values, strict=True)))


@contextmanager
def _unfused(model: nn.Module) -> Iterator[None]:
    """Run attention and recurrent layers as plain matrix products; the settings are put back."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    mha = torch.backends.mha
    fastpath = mha.get_fastpath_enabled()
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    fused = (torch.backends.mkldnn, torch.backends.cudnn) if recurrent else ()
    mha.set_fastpath_enabled(False)
    try:
        with switched_off(*fused), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mha.set_fastpath_enabled(fastpath)


def _without_children(totals: Mapping[str, int]) -> dict[str, int]:
    """Take from each module's FLOPs those of the modules below it."""
    own = dict(totals)
    for name, flops in totals.items():
        parent = name
        while parent:
            parent = parent.rpartition(".")[0]
            if parent in own:
                own[parent] -= flops
                break
    return {name: max(flops, 0) for name, flops in own.items()}


def _leaves(layer: tuple[float, float, dict[str, Any]], name: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the modules in thop's nested answer that it did not look into."""
    macs, params, below = layer
    if not below:
        yield name, (int(macs), int(params))
    for child, inner in below.items():
        yield from _leaves(inner, f"{name}.{child}".removeprefix("."))
