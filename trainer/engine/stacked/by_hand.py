"""Losses and gradients of stacked folds without autograd, where their layers and loss allow it.

As in ``trainer.engine.flat`` the layers are differentiated one by one by the kernels that autograd would call; what
``Joint`` allows is one product for all folds. A result is kept as one tensor or as one per fold, whichever it was
computed as, and made into the other only where that is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.data.loading.batches import Batch
from trainer.data.loading.gathered import Gathered, gather_into
from trainer.engine.plain_loss import plain_loss
from trainer.engine.stacked.linear import Joint, joint_sums, outputs
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


@dataclass
class Plan:
    """How some folds take their steps on batches of a kind; what stays the same from step to step.

    Attributes:
        layers: one after the other, from the only input to the logits.
        parameters: by name, one of each fold.
        name: of the input.
        weight: of the rows of a step, the same for each fold.
        generators: of the folds' dropout.
    """

    layers: Sequence[tuple[Node, Layer]]
    parameters: Mapping[str, Sequence[nn.Parameter]]
    name: str
    weight: float
    generators: Sequence[torch.Generator]
    _gathered: Tensor | None = None  # the rows of large batches; the next ones are put in their place

    def losses(self, windows: Sequence[Sequence[Batch]]) -> list[list[Tensor]]:
        """Add to the gradients of the parameters; return the losses of each fold's batches."""
        found, scale = [], 1.0 / (self.weight or 1.0)
        for batches in zip(*windows, strict=True):
            targets = [own.target for own in batches]
            summed, gradients = backward(self.layers, self._inputs(batches), targets, scale, self.generators)
            found.append(summed)
            for of_layer, of_folds in gradients:
                for parameter, gradient in zip(self.parameters[of_layer], of_folds, strict=True):
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return [list(own) for own in zip(*found, strict=True)]

    def _inputs(self, batches: Sequence[Batch]) -> Both:
        given = [own.inputs for own in batches]
        if not isinstance(given[0], Gathered):
            return Both(parts=[own[self.name] for own in given])
        if self._gathered is None:
            self._gathered = torch.stack([own[self.name] for own in given])
        else:
            gather_into(self._gathered, given, self.name)
        return Both(self._gathered)


Gradients = list[tuple[str, Sequence[Tensor]]]  # by parameter, of each fold


@torch.no_grad()
def backward(
    layers: Sequence[tuple[Node, Layer]],
    inputs: Both,
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
    x, kept = inputs, list[Both | None]()
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
    return row_sums(loss_KB.view(logits.shape[:2])), gradients


def row_sums(values_KB: Tensor) -> Sequence[Tensor]:
    """Return the sum of each row, with the bits of its own ``sum()``."""
    if joint_sums(*values_KB.shape, torch.get_num_threads()):
        return values_KB.sum(1).unbind(0)
    return [value_B.sum() for value_B in values_KB.unbind(0)]


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
    return Both(outputs(x.joint(), layer.weight, layer.bias, layer.joint))


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
