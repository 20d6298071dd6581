"""Losses and gradients of a small model without autograd: the last layers are differentiated one by one.

Autograd's graph and the calls of modules take longer than the arithmetic of a small model. Linear, ReLU and dropout
layers that follow each other to the logits need neither: the same kernels are called in the same order, so the bits are
the same, which is tried for each size: on its first step, and with numbers that tell kernels apart, since those of a
step may agree by chance. What comes before these layers (embeddings, normalisation) is autograd's, and so is every loss
but plain cross-entropy.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.data.loading.batches import Batch
from trainer.engine.loops import Learner, summed_loss
from trainer.engine.own_random import CPU, random_states, set_random_states
from trainer.engine.plain_loss import is_plain, plain_loss
from trainer.engine.stacked.by_hand import threshold_backward
from trainer.engine.stacked.linear import joint_products
from trainer.engine.stacked.proof import computed_alone, left_by, same
from trainer.engine.stacked.stack import native
from trainer.engine.stacked.traced import NotStackable, Traced, computed, last_layers
from trainer.models.dropout import GENERATORS, drawn_masks

Layer = tuple[str, Any]  # its kind and the module


class Flat:
    """Computes what ``loss.backward()`` leaves in a model.

    Args:
        model: in float32 on the CPU.
        trace: of it.

    Raises:
        NotStackable: its last layers are none that are known here, or frozen.
    """

    def __init__(self, model: nn.Module, trace: Traced) -> None:
        last = last_layers(trace)
        self.model, self.inputs = model, trace.inputs
        self.before = [node for node in trace.nodes if node not in last]
        self.given = last[0].args[0].name  # what the first of the last layers is given
        self.layers: list[Layer] = [
            (node.kind, None if node.kind == "relu" else model.get_submodule(node.target)) for node in last
        ]
        if not all(p.requires_grad for kind, layer in self.layers if kind == "linear" for p in layer.parameters()):
            raise NotStackable("its last layers are frozen")
        self.weights: list[Any] = [  # of each layer; not looked up again in each step
            (layer.weight, layer.bias) if kind == "linear" else (None, None) for kind, layer in self.layers
        ]
        self.proved: set[tuple[int, ...]] = set()

    def backward(self, learner: Learner, batches: Sequence[Batch], divisor: Tensor | float) -> list[Tensor] | None:
        """Add the gradients of the batches to those of the model.

        Args:
            learner: whose model it is.
            batches: of one step.
            divisor: of the losses.

        Returns:
            The losses of the batches; None where they are not the same bits as autograd's: the model is as it was.
        """
        sizes = tuple(len(batch.rows_B) for batch in batches)
        if sizes in self.proved:
            return self._losses(learner, batches, divisor)
        if not all(map(self._as_autograd, set(sizes))):
            return None
        before, alone = random_states(CPU), computed_alone(learner, batches)
        losses = self._losses(learner, batches, divisor)
        if same(left_by(learner, losses), alone):
            self.proved.add(sizes)
            return losses
        set_random_states(before, CPU)
        for parameter in self.model.parameters():
            parameter.grad = None
        return None

    def _as_autograd(self, n_rows: int) -> bool:
        """Return whether the products of the layers are autograd's, whatever the numbers."""
        threads = torch.get_num_threads()
        return all(
            joint_products((1, n_rows, *reversed(weight.shape)), weight.dtype, bias is not None, threads) is not None
            for weight, bias in self.weights
            if weight is not None
        )

    def _losses(self, learner: Learner, batches: Sequence[Batch], divisor: Tensor | float) -> list[Tensor]:
        return [self._loss(learner, batch, divisor) for batch in batches]

    def _loss(self, learner: Learner, batch: Batch, divisor: Tensor | float) -> Tensor:
        inputs = native(learner).cast_inputs(batch.inputs)
        values = {node: inputs[name] for name, node in self.inputs.items()}
        for node in self.before:
            values[node.name] = computed(node, self.model, values.__getitem__)
        given = values[self.given]
        with torch.no_grad():
            logits, kept = self._forward(given)
            if isinstance(divisor, float) and is_plain(learner.loss, batch):
                loss_B, d = plain_loss(logits, batch.target, 1.0 / divisor)
                loss = loss_B.sum()
            else:
                loss, d = _loss_and_gradient(learner, logits, batch, divisor)
            d_given = self._backward(d, kept, wanted=given.requires_grad)
        if d_given is not None:
            torch.autograd.backward(given, d_given)
        return loss

    def _forward(self, x: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """Return the logits, and what each layer keeps for its gradients: input, result or mask."""
        kept: list[Tensor | None] = []
        for (kind, layer), (weight, bias) in zip(self.layers, self.weights, strict=True):
            if kind == "linear":
                kept.append(x)
                x = F.linear(x, weight, bias)
            elif kind == "relu":
                x = x.relu_()  # a layer's result, which nothing else keeps
                kept.append(x)
            elif layer.training and layer.p:
                [mask] = drawn_masks(layer, x.unsqueeze(0), GENERATORS)
                x = x * mask
                kept.append(mask)
            else:
                kept.append(None)
        return x, kept

    def _backward(self, d: Tensor, kept: Sequence[Tensor | None], *, wanted: bool) -> Tensor | None:
        """Add to the gradients of the layers; return that of what they were given, where it is wanted."""
        for place in reversed(range(len(self.layers))):
            kind, own, (weight, bias) = self.layers[place][0], kept[place], self.weights[place]
            if own is None:
                continue
            if kind == "linear":
                _add(weight, d.t().mm(own))
                if bias is not None:
                    _add(bias, d.sum(0))
                if place == 0 and not wanted:
                    return None
                d = d.mm(weight)
            elif kind == "relu":
                d = threshold_backward(d, own, 0)
            else:
                d = d.mul_(own)  # of a product, which nothing else keeps
        return d


@torch.enable_grad()
def _loss_and_gradient(
    learner: Learner, logits: Tensor, batch: Batch, divisor: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Return the sum of the losses of the rows, and the gradient of its share in the step's mean."""
    leaf = logits.requires_grad_()
    loss = summed_loss(learner.loss, leaf, batch)
    learner.precision.backward(loss, divisor)
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
