"""Linear layers of several folds as batched products, where these are the same bits as one product per fold.

Which of the four products of a layer are, depends on its sizes: libraries choose another kernel for a batch of small
matrices than for a single one. So each is tried for each combination of sizes, with numbers that tell one order of
adding up from another.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

NUMBERS, MOST_DRAWS = 128, 16  # the fewer numbers a product has, the more often it is tried
LEAST_DRAWS = (1, 2)  # of them; in half precision more orders round to the same
SMALL = 2.0**-9
MANY_INPUTS, FEW_OUTPUTS = 128, 32  # of these a product of weights in order takes 0.5 to 0.9 of the time


@dataclass(frozen=True)
class Joint:
    """Which products are computed for all folds at once.

    Attributes:
        output: of the layer.
        d_input: gradient of its input.
        d_weight: of its weight.
        d_bias: of its bias.
        in_order: whether weights are put in the order (inputs, outputs) for the output: quicker where these are few.
    """

    output: bool = False
    d_input: bool = False
    d_weight: bool = False
    d_bias: bool = False
    in_order: bool = False


IN_ORDER = Joint(output=True, in_order=True)


def linear(x_KBI: Tensor, weight_KOI: Tensor, bias_KO: Tensor | None) -> Tensor:
    """Return the outputs (K, B, O) of K linear layers, each with the bits of its own ``F.linear``."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x_KBI, weight_KOI = x_KBI.to(dtype), weight_KOI.to(dtype)
        bias_KO = None if bias_KO is None else bias_KO.to(dtype)
    (n_folds, n_rows, n_in), n_out = x_KBI.shape, weight_KOI.shape[1]
    sizes = (n_folds, n_rows, n_in, n_out)
    with torch.autocast("cpu", enabled=False):
        joint = joint_products(sizes, x_KBI.dtype, bias_KO is not None, torch.get_num_threads())
        if joint is None:  # not even the products by themselves are those of autograd
            biases = [None] * n_folds if bias_KO is None else bias_KO.unbind(0)
            each = zip(x_KBI.unbind(0), weight_KOI.unbind(0), biases, strict=True)
            return torch.stack([F.linear(*one) for one in each])
        found: Tensor = _Linear.apply(x_KBI, weight_KOI, bias_KO, joint)
        return found


@lru_cache(maxsize=1024)
def joint_products(sizes: tuple[int, int, int, int], dtype: torch.dtype, has_bias: bool, threads: int) -> Joint | None:
    """Return which products of a layer are the same bits when they are computed for all folds at once.

    Args:
        sizes: folds K, rows B, inputs I and outputs O.
        dtype: of all of them.
        has_bias: whether the layer has one.
        threads: of torch; part of the key only.

    Returns:
        None where even one product per fold gives other bits than torch's own layer.
    """
    joint, in_order = [True] * 4, sizes[2] >= MANY_INPUTS and sizes[3] <= FEW_OUTPUTS
    for x, weight, some_bias, d in _drawn(sizes, dtype):
        bias = some_bias if has_bias else None
        with torch.inference_mode(False), torch.enable_grad():
            wanted = _by_autograd(x, weight, bias, d)
        with torch.no_grad():
            one_by_one, together = (_products(x, weight, bias, d, Joint(*[way] * 4)) for way in (False, True))
            in_order = in_order and torch.equal(wanted[0], _output(x, weight, bias, IN_ORDER))
        if not all(map(torch.equal, wanted, one_by_one)):
            return None
        joint = [so_far and torch.equal(*pair) for so_far, *pair in zip(joint, wanted, together, strict=False)]
    return replace(Joint(*joint), output=True, in_order=True) if in_order else Joint(*joint)


def _drawn(sizes: tuple[int, int, int, int], dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield inputs, weights, biases and gradients of the outputs, each anew.

    Whatever is added up nearly cancels: each row, input and output has a partner, and their products differ in their
    signs alone. What is left is rounding, of numbers of unlike size, so another order of adding up gives other results.
    Of plain random numbers it gives other bits in few of them, in half precision in hardly any.
    """
    n_folds, n_rows, n_in, n_out = sizes
    source = torch.Generator().manual_seed(0)
    spread = 5 if dtype is torch.float16 else 8

    def made(*sizes: int) -> Tensor:
        shape = [n_folds, *(n - n // 2 for n in sizes)]
        exponents = torch.randint(-spread, spread + 1, shape, generator=source)
        return torch.randn(shape, generator=source).ldexp_(exponents)

    fewest = n_folds * min(n_rows * n_in, n_rows * n_out, n_in * n_out)
    for _ in range(max(LEAST_DRAWS[dtype.itemsize < 4], min(MOST_DRAWS, NUMBERS // fewest))):
        (rows, signs_B), (inputs, signs_I), (outputs, signs_O) = (_paired(n, source) for n in (n_rows, n_in, n_out))
        x = made(n_rows, n_in)[:, rows][..., inputs] * signs_I
        weight = made(n_out, n_in)[:, outputs][..., inputs]
        d = made(n_rows, n_out)[:, rows][..., outputs] * signs_B[:, None] * signs_O
        bias = made(n_out)[:, outputs] * SMALL
        yield x.to(dtype), weight.to(dtype), bias.to(dtype), d.to(dtype)


def _paired(n: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return for each of n places, in any order, whose values it takes and their sign; one without partner is small."""
    half, places = n // 2, torch.randperm(n, generator=source)
    taken = torch.cat([torch.arange(half), torch.arange(n - half)])
    signs = torch.cat([torch.ones(half), -torch.ones(half), torch.full((n - 2 * half,), SMALL)])
    return taken[places], signs[places]


@lru_cache(maxsize=1024)
def joint_sums(n_folds: int, n_rows: int, threads: int) -> bool:
    """Return whether the sums of the rows of (K, B) float32 are the same bits when they are computed at once.

    Args:
        n_folds: K.
        n_rows: B.
        threads: of torch; part of the key only.
    """
    drawn = [d.reshape(n_folds, n_rows) for *_, d in _drawn((n_folds, n_rows, 1, 1), torch.float32)]
    return all(torch.equal(values.sum(1), torch.stack([own.sum() for own in values.unbind(0)])) for values in drawn)


def _by_autograd(x: Tensor, weight: Tensor, bias: Tensor | None, d: Tensor) -> list[Tensor]:
    """Return outputs and gradients of one layer per fold, as torch computes them."""
    found: list[list[Tensor]] = []
    for k in range(len(x)):
        given = [value[k].clone().requires_grad_() for value in (x, weight, bias) if value is not None]
        output = F.linear(*given)
        towards = (output * d[k]).sum()  # a scalar: a gradient handed to autograd would make it import sympy
        found.append([output.detach(), *torch.autograd.grad(towards, given)])
    return [torch.stack(values) for values in zip(*found, strict=True)]


def _products(x: Tensor, weight: Tensor, bias: Tensor | None, d: Tensor, joint: Joint) -> list[Tensor]:
    """Return the same by products."""
    found = [_output(x, weight, bias, joint), _d_input(d, weight, joint), _d_weight(d, x, joint)]
    return found if bias is None else [*found, _d_bias(d, joint)]


def _output(x: Tensor, weight: Tensor, bias: Tensor | None, joint: Joint) -> Tensor:
    if not joint.output:
        biases = [None] * len(x) if bias is None else bias.unbind(0)
        return torch.stack([F.linear(x[k], weight[k], biases[k]) for k in range(len(x))])
    return outputs(x, weight, bias, joint)


def outputs(x_KBI: Tensor, weight_KOI: Tensor, bias_KO: Tensor | None, joint: Joint) -> Tensor:
    """Return the outputs (K, B, O) of all folds as one product."""
    weight_KIO = weight_KOI.mT.contiguous() if joint.in_order else weight_KOI.mT
    return torch.bmm(x_KBI, weight_KIO) if bias_KO is None else torch.baddbmm(bias_KO[:, None], x_KBI, weight_KIO)


def _d_input(d: Tensor, weight: Tensor, joint: Joint) -> Tensor:
    return torch.bmm(d, weight) if joint.d_input else _each(lambda k: d[k] @ weight[k], len(d))


def _d_weight(d: Tensor, x: Tensor, joint: Joint) -> Tensor:
    return torch.bmm(d.mT, x) if joint.d_weight else _each(lambda k: d[k].t() @ x[k], len(d))


def _d_bias(d: Tensor, joint: Joint) -> Tensor:
    return d.sum(1) if joint.d_bias else _each(lambda k: d[k].sum(0), len(d))


def _each(product: Callable[[int], Tensor], n_folds: int) -> Tensor:
    return torch.stack([product(k) for k in range(n_folds)])


class _Linear(torch.autograd.Function):
    """``linear`` with the products of its gradients chosen by ``Joint``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, joint: Joint) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.joint = joint
        return _output(x, weight, bias, joint)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        d, joint, (of_input, of_weight, of_bias, _) = gradients[0], ctx.joint, ctx.needs_input_grad
        return (
            _d_input(d, weight, joint) if of_input else None,
            _d_weight(d, x, joint) if of_weight else None,
            _d_bias(d, joint) if of_bias else None,
            None,
        )
