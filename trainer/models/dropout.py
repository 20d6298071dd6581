"""Dropout whose masks cost little on a CPU: sixteen random bits for each number.

torch draws 64 bits for each number there, one number after the other, which is a third of a small model's step. Here
one draw of 64 bits serves four numbers, and all else is vectorised. A probability is therefore a multiple of 1/65536,
and what is kept is divided by the share that is really kept, so that the expectation is that of the input.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

PIECES = 2**16  # values of sixteen bits
LEAST = -(2**15)  # of them, as signed numbers
GENERATORS = (torch.default_generator,)  # what torch draws from where it is told nothing else


class Dropout(nn.Dropout):
    """``nn.Dropout`` with masks of its own on the CPU; on a GPU, compiled and in evaluation mode it is torch's.

    Args:
        p: probability of zero; of 1 nothing would be left to learn from.
        inplace: whether the input is changed.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__(p, inplace)
        if p == 1:
            raise ValueError("a dropout probability of 1 leaves nothing to learn from: set one from 0 to below 1")

    def forward(self, input: Tensor) -> Tensor:
        """Return the input (...), while training some of it zero and the rest larger."""
        drawn_here = self.training and 0 < self.p < 1 and input.device.type == "cpu"
        if not drawn_here or torch.compiler.is_compiling():
            return super().forward(input)
        [mask] = drawn_masks(self, input.unsqueeze(0), GENERATORS)
        return input.mul_(mask) if self.inplace else input * mask


def replace_dropout(module: nn.Module) -> None:
    """Make a model's layers of exactly ``nn.Dropout`` such with masks of their own."""
    for parent in module.modules():
        for name, layer in parent.named_children():
            if type(layer) is nn.Dropout and layer.p < 1:
                parent.register_module(name, Dropout(layer.p, layer.inplace))


def drawn_masks(layer: nn.Dropout, like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return what a layer multiplies the inputs of several folds with while training.

    Args:
        layer: with a probability between 0 and 1, exactly ``nn.Dropout`` or ``Dropout``.
        like: (K, ...) on the CPU, of the shape and dtype of the masks.
        generators: of the K folds; a fold's mask does not depend on the other folds.
    """
    if isinstance(layer, Dropout):
        return _in_pieces(layer.p, like, generators)
    masks = torch.empty(like.shape, dtype=like.dtype)
    for own, generator in zip(masks.unbind(0), generators, strict=True):
        own.bernoulli_(1 - layer.p, generator=generator)
    return masks.div_(1 - layer.p)


def _in_pieces(p: float, like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return masks (K, ...); each draw of 64 bits is cut into four pieces."""
    numbers = math.prod(like.shape[1:])
    dropped = min(max(round(p * PIECES), 1), PIECES - 1)
    bits = like.new_empty((len(like), -(-numbers // 4)), dtype=torch.int64)  # from like: vmap may batch it
    for own, generator in zip(bits.unbind(0), generators, strict=True):
        own.random_(-(2**63), None, generator=generator)
    kept = bits.view(torch.int16)[:, :numbers].ge_(LEAST + dropped)  # 0 or 1, compared in place
    return kept.to(like.dtype).mul_(PIECES / (PIECES - dropped)).view(like.shape)
