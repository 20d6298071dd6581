"""Losses and gradients of stacked folds without autograd, where their layers and loss allow it.

As in ``trainer.engine.flat`` the layers are differentiated one by one by the kernels that autograd would call; what
``Joint`` allows is one product for all folds. A result is kept as one tensor or as one per fold, whichever it was
computed as, and made into the other only where that is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.engine.plain_loss import plain_loss
from trainer.engine.stacked.linear import Joint
from trainer.engine.stacked.traced import Node
from trainer.models.dropout import drawn_masks

threshold_backward = torch.ops.aten.threshold_backward.default  # not looked up again in each call


@dataclass
class Both:
    """A result of all folds, as one tensor (K, ...) and as one per fold; either is made of the other when asked for."""

    stacked: Tensor | None = None
    parts: Sequence[Tensor] | None = None

    def joint(self) -> Tensor:
        """Return it as one tensor."""
        if self.stacked is None:
            assert self.parts is not None
            self.stacked = torch.stack(list(self.parts))
        return self.stacked

    def each(self) -> Sequence[Tensor]:
        """Return it fold by fold."""
        if self.parts is None:
            assert self.stacked is not None
            self.parts = self.stacked.unbind(0)
        return self.parts


@dataclass
class Layer:
    """A layer of all folds in a step.

    Attributes:
        kind: ``linear``, ``relu`` or ``dropout``.
        module: the first fold's, or None.
        weight: (K, O, I) of a linear layer.
        bias: (K, O), or None.
        joint: which of its products are computed for all folds at once.
    """

    kind: str
    module: Any
    weight: Tensor | None = None
    bias: Tensor | None = None
    joint: Joint = field(default_factory=Joint)

    def __post_init__(self) -> None:
        self.weights = () if self.weight is None else self.weight.unbind(0)
        self.biases = [None] * len(self.weights) if self.bias is None else self.bias.unbind(0)


Gradients = list[tuple[str, Sequence[Tensor]]]  # by parameter, of each fold


@torch.no_grad()
def backward(
    layers: Sequence[tuple[Node, Layer]],
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    scale: float,
    generators: Sequence[torch.Generator],
) -> tuple[Sequence[Tensor], Gradients]:
    """Return the folds' sums of cross-entropy over their rows, and the gradients of ``scale`` times them.

    Args:
        layers: one after the other, to the logits.
        inputs: of each fold.
        targets: of each fold.
        scale: of the losses.
        generators: of the folds' dropout.
    """
    x, kept = Both(parts=inputs), list[Both | None]()
    for _, layer in layers:
        x, own = _forward(layer, x, generators)
        kept.append(own)
    logits = x.joint()
    loss_KB, gradient = plain_loss(logits.flatten(0, 1), torch.cat(list(targets)), scale)
    d, gradients = Both(gradient.view(logits.shape)), Gradients()
    for place in reversed(range(len(layers))):
        (node, layer), own = layers[place], kept[place]
        if own is None:
            continue
        if layer.kind == "relu":
            d = Both(threshold_backward(d.joint(), own.joint(), 0))
        elif layer.kind == "dropout":
            d = Both(d.joint() * own.joint())
        else:
            gradients.append((f"{node.target}.weight", _d_weight(layer, d, own)))
            if layer.bias is not None:
                gradients.append((f"{node.target}.bias", _d_bias(layer, d)))
            if place:
                d = _d_input(layer, d)
    return [loss_B.sum() for loss_B in loss_KB.view(logits.shape[:2]).unbind(0)], gradients


def _forward(layer: Layer, x: Both, generators: Sequence[torch.Generator]) -> tuple[Both, Both | None]:
    """Return what a layer makes of ``x``, and what it keeps for its gradients: input, result or mask."""
    if layer.kind == "linear":
        return _output(layer, x), x
    if layer.kind == "relu":
        made = Both(x.joint().relu_())  # a layer's result, which nothing else keeps
        return made, made
    if not (layer.module.training and layer.module.p):
        return x, None
    mask = drawn_masks(layer.module, x.joint(), generators)
    return Both(x.joint() * mask), Both(mask)


def _output(layer: Layer, x: Both) -> Both:
    assert layer.weight is not None
    if not layer.joint.output:
        return _each(lambda *own: F.linear(*own), x.each(), layer.weights, layer.biases)
    if layer.bias is None:
        return Both(torch.bmm(x.joint(), layer.weight.mT))
    return Both(torch.baddbmm(layer.bias[:, None], x.joint(), layer.weight.mT))


def _d_input(layer: Layer, d: Both) -> Both:
    assert layer.weight is not None
    if layer.joint.d_input:
        return Both(torch.bmm(d.joint(), layer.weight))
    return _each(torch.mm, d.each(), layer.weights)


def _d_weight(layer: Layer, d: Both, x: Both) -> Sequence[Tensor]:
    if layer.joint.d_weight:
        return torch.bmm(d.joint().mT, x.joint()).unbind(0)
    return _each(lambda own, given: own.t().mm(given), d.each(), x.each()).each()


def _d_bias(layer: Layer, d: Both) -> Sequence[Tensor]:
    return d.joint().sum(1).unbind(0) if layer.joint.d_bias else _each(lambda own: own.sum(0), d.each()).each()


def _each(product: Callable[..., Tensor], *of_folds: Sequence[Any]) -> Both:
    return Both(parts=[product(*own) for own in zip(*of_folds, strict=True)])
