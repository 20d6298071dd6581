"""Several folds' models trained as one: linear layers are batched products, everything else stays each fold's own.

A fold keeps its model, optimizer, schedule, precision, random numbers and sums; the weights of its linear layers become
views of tensors that all folds share. Only forward and backward pass of a step are computed together.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from trainer.data.loading.batches import Batch
from trainer.engine.fused_step import step_optimizers
from trainer.engine.loops import Learner, summed_loss, take_in, total_weight
from trainer.engine.own_random import OwnRandom
from trainer.engine.plain_loss import is_plain
from trainer.engine.precision.precision import Precision
from trainer.engine.stacked.by_hand import Both, Layer, Plan
from trainer.engine.stacked.linear import joint_products, linear
from trainer.engine.stacked.traced import Node, NotStackable, Traced, computed, last_layers
from trainer.engine.stepwise import Step
from trainer.errors import NonFiniteError
from trainer.models.dropout import drawn_masks


@dataclass
class Pass:
    """One joint forward pass.

    Attributes:
        models: of the folds.
        generators: of their dropout.
        leaves: stacked parameters by name, what the gradients are for.
        values: results so far, by node.
    """

    models: Sequence[nn.Module]
    generators: Sequence[torch.Generator]
    leaves: dict[str, Tensor]
    values: dict[str, Both] = field(default_factory=dict)

    def logits(self, trace: Traced, inputs: Sequence[Mapping[str, Tensor]]) -> Both:
        """Return the logits of all folds."""
        for name, node in trace.inputs.items():
            self.values[node] = Both(parts=[own[name] for own in inputs])
        for each in trace.nodes:
            self.values[each.name] = self._computed(each)
        return self.values[trace.output]

    def _computed(self, node: Node) -> Both:
        given = self.values[node.args[0].name] if node.args and isinstance(node.args[0], fx.Node) else Both()
        if node.kind == "linear" and self._row_by_row(given):
            weight, bias = self.leaves[f"{node.target}.weight"], self.leaves.get(f"{node.target}.bias")
            return Both(linear(given.joint(), weight, bias))
        if node.kind == "dropout":
            return self._dropped(self.models[0].get_submodule(node.target), given)
        if node.kind == "relu" and given.stacked is not None:
            return Both(given.stacked.relu())
        return Both(parts=[self._alone(node, k) for k in range(len(self.models))])

    def _row_by_row(self, given: Both) -> bool:
        return given.stacked.dim() == 3 if given.stacked is not None else given.each()[0].dim() == 2

    def _dropped(self, module: Any, given: Both) -> Both:
        """Return what dropout leaves; each fold's mask is the one it draws alone, from its own generator."""
        if not module.training or module.p == 0:
            return given
        return Both(given.joint() * drawn_masks(module, given.joint(), self.generators))

    def _alone(self, node: Node, k: int) -> Tensor:
        """Compute a node for fold ``k`` alone."""
        return computed(node, self.models[k], lambda name: self.values[name].each()[k])


class Stack:
    """Folds whose steps are taken together.

    Args:
        learners: of the folds, each with its own random numbers; their models compute the same.
        trace: of the models.
    """

    def __init__(self, learners: Sequence[Learner], trace: Traced) -> None:
        self.learners, self.trace = list(learners), trace
        self.own: dict[str, list[nn.Parameter]] = {}  # by name, one of each fold
        self.stacked = self._stacked_parameters()
        self.row = _row(trace) if all(map(_in_float32, self.learners)) else None
        self.plans: dict[Hashable, Plan | None] = {}  # by fold, folds and kinds of batches

    def _stacked_parameters(self) -> dict[str, Tensor]:
        """Make the weights of each linear layer views of one tensor."""
        found = {}
        for layer in self.trace.linears():
            modules = [learner.model.get_submodule(layer) for learner in self.learners]
            for name, _ in modules[0].named_parameters(recurse=False):
                own = [module.get_parameter(name) for module in modules]
                together = torch.stack([parameter.detach() for parameter in own])
                for parameter, view in zip(own, together.unbind(0), strict=True):
                    parameter.data = view
                found[f"{layer}.{name}"], self.own[f"{layer}.{name}"] = together, own
        return found

    def take(self, steps: Sequence[Step], first: int) -> list[NonFiniteError | None]:
        """Take the steps of neighbouring folds, whose batches have the same sizes.

        Args:
            steps: one of each fold.
            first: place of the first of the folds.

        Returns:
            The error of each fold that cannot go on.
        """
        plan = self._plan(steps, first)
        if plan is not None:
            losses = plan.losses([step.batches for step in steps])
            return self.end(steps, losses, [plan.weight] * len(steps))
        weights = [total_weight(step.learner.loss, step.batches) for step in steps]
        return self.end(steps, self._by_autograd(steps, first, weights), weights)

    def end(
        self,
        steps: Sequence[Step],
        losses: Sequence[Sequence[Tensor]],
        weights: Sequence[Tensor | float],
    ) -> list[NonFiniteError | None]:
        """Let each fold take in its gradients; return the error of each fold that cannot."""
        outcomes = [_made_ready(step) for step in steps]
        ready = [outcome is True for outcome in outcomes]
        step_optimizers([step.learner.optimizer for step, stepped in zip(steps, ready, strict=True) if stepped])
        for step, own, weight, stepped in zip(steps, losses, weights, ready, strict=True):
            native(step.learner).end_step(stepped=stepped)
            if stepped:
                take_in(step.learner, own, weight, step.totals)
        return [outcome if isinstance(outcome, NonFiniteError) else None for outcome in outcomes]

    def backward(self, steps: Sequence[Step], first: int, weights: Sequence[Tensor | float]) -> list[list[Tensor]]:
        """Compute the gradients of the steps together; return the losses of each one's batches."""
        plan = self._plan(steps, first)
        if plan is not None:
            return plan.losses([step.batches for step in steps])
        return self._by_autograd(steps, first, weights)

    def _by_autograd(self, steps: Sequence[Step], first: int, weights: Sequence[Tensor | float]) -> list[list[Tensor]]:
        learners, members = [step.learner for step in steps], slice(first, first + len(steps))
        leaves = self._leaves(members)
        divisors = [weight + (weight == 0) for weight in weights]  # as in ``train_step``
        losses: list[list[Tensor]] = [[] for _ in steps]
        for batches in zip(*(step.batches for step in steps), strict=True):
            roots = []
            for k, loss in enumerate(summed_losses(learners, self._logits(learners, leaves, batches), batches)):
                roots.append(native(learners[k]).scaled(loss, divisors[k]))
                losses[k].append(loss.detach())
            torch.autograd.backward(roots)
        for name, leaf in leaves.items():
            if leaf.grad is not None:
                for parameter, gradient in zip(self.own[name][members], leaf.grad.unbind(0), strict=True):
                    parameter.grad = gradient
        return losses

    def _plan(self, steps: Sequence[Step], first: int) -> Plan | None:
        """Return how layers and losses are differentiated without autograd; None where they are not."""
        key = first, len(steps), *(batch.kind for batch in steps[0].batches)
        if key not in self.plans:
            self.plans[key] = self._made_plan(steps, slice(first, first + len(steps)))
        return self.plans[key]

    def _made_plan(self, steps: Sequence[Step], members: slice) -> Plan | None:
        batches, rows = steps[0].batches, {len(batch.rows_B) for batch in steps[0].batches}
        plain = all(is_plain(step.learner.loss, batch) for step in steps for batch in step.batches)
        weights = {total_weight(step.learner.loss, step.batches) for step in steps}
        if self.row is None or not plain or len(rows) > 1 or len(weights) > 1:
            return None
        [name], learners = self.trace.inputs, [step.learner for step in steps]
        cast = native(learners[0]).cast_inputs(batches[0].inputs)[name]
        layers = self._layers_by_hand(self.row, members, *rows)
        if layers is None or cast.dtype is not batches[0].inputs[name].dtype:
            return None
        own = {name: parameters[members] for name, parameters in self.own.items()}
        return Plan(layers, own, name, float(*weights), [own_random(learner).generator for learner in learners])

    def _layers_by_hand(self, row: Sequence[Node], members: slice, n_rows: int) -> list[tuple[Node, Layer]] | None:
        """Return the layers of neighbouring folds; None where a product of one of them is not that of autograd."""
        made = []
        for node in row:
            module = None if node.kind == "relu" else self.learners[0].model.get_submodule(node.target)
            layer = Layer(node.kind, module)
            if node.kind == "linear":
                weight, bias = self.stacked[f"{node.target}.weight"], self.stacked.get(f"{node.target}.bias")
                sizes = members.stop - members.start, n_rows, weight.shape[2], weight.shape[1]
                joint = joint_products(sizes, weight.dtype, bias is not None, torch.get_num_threads())
                if joint is None or not self.own[f"{node.target}.weight"][0].requires_grad:
                    return None
                layer = Layer(node.kind, module, weight[members], None if bias is None else bias[members], joint)
            made.append((node, layer))
        return made

    def _leaves(self, members: slice) -> dict[str, Tensor]:
        """Return the parameters of some of the folds, to compute gradients for."""
        return {
            name: together[members].detach().requires_grad_(self.own[name][0].requires_grad)
            for name, together in self.stacked.items()
        }

    def _logits(self, learners: Sequence[Learner], leaves: dict[str, Tensor], batches: Sequence[Batch]) -> Both:
        """Return the logits of all folds as float32, under the folds' precision."""
        precision = native(learners[0])
        generators = [own_random(learner).generator for learner in learners]
        with precision.autocast():
            together = Pass([learner.model for learner in learners], generators, leaves)
            cast = [precision.cast_inputs(batch.inputs) for batch in batches]
            found = together.logits(self.trace, cast)
        return found if found.stacked is None else Both(found.stacked.float())


def summed_losses(learners: Sequence[Learner], logits: Both, batches: Sequence[Batch]) -> list[Tensor]:
    """Return each fold's sum over its rows of sample weight x loss."""
    losses = [learner.loss for learner in learners]
    if logits.stacked is not None and all(map(is_plain, losses, batches)):  # the loss of a row is the row's own
        target = torch.cat([batch.target for batch in batches])
        loss_KB = losses[0](logits.stacked.flatten(0, 1), target).view(logits.stacked.shape[:2])
        return [loss_B.sum() for loss_B in loss_KB.unbind(0)]
    each = (own.float() for own in logits.each())
    return [summed_loss(*of_fold) for of_fold in zip(losses, each, batches, strict=True)]


def _row(trace: Traced) -> list[Node] | None:
    """Return the layers where they are all there is, one after the other from the only input to the logits."""
    try:
        last = last_layers(trace)
    except NotStackable:
        return None
    return last if len(last) == len(trace.nodes) and len(trace.inputs) == 1 else None


def _in_float32(learner: Learner) -> bool:
    """Return whether a fold's step is in float32, and its losses are not scaled."""
    precision = native(learner)
    return precision.level.opt_level == "O0" and precision.scaler.is_off


def _made_ready(step: Step) -> bool | NonFiniteError:
    """Return whether the optimizer may take in the gradients, or the error of the fold."""
    try:
        return native(step.learner).make_ready(step.clip_norm)
    except NonFiniteError as error:
        return error


def native(learner: Learner) -> Precision:
    """Return the precision of a learner that can be stacked."""
    assert isinstance(learner.precision, Precision)
    return learner.precision


def own_random(learner: Learner) -> OwnRandom:
    """Return the random numbers of a learner that is stacked."""
    assert learner.random is not None
    return learner.random
