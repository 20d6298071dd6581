"""Against autograd: each fold's losses and gradients by themselves, bit for bit."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainer.engine.stacked.by_hand import Both, Layer, backward
from trainer.engine.stacked.linear import joint_products
from trainer.engine.stacked.traced import last_layers, traced
from trainer.models.dropout import Dropout


def models(n_folds, widths, p, dropout):
    torch.manual_seed(0)
    for _ in range(n_folds):
        layers = [nn.Linear(widths[0], widths[1])]
        for fan_in, fan_out in pairwise(widths[1:]):
            layers += [nn.ReLU(), dropout(p), nn.Linear(fan_in, fan_out, bias=fan_out != 7)]
        yield nn.Sequential(*layers)


def alone(model, x, target, generator):
    """What autograd makes of a fold, with the dropout of its layers."""
    torch.set_rng_state(generator.get_state())
    loss = F.cross_entropy(model(x), target, reduction="none").sum()
    (loss * (1.0 / len(x))).backward()
    return loss.detach(), torch.get_rng_state()


def stacked(folds, n_rows):
    """The layers of all folds, each with its products joint where these are the same bits."""
    made = []
    for node in last_layers(traced(folds[0], ["input"])):
        modules = [model.get_submodule(node.target) for model in folds]
        if node.kind != "linear":
            made.append((node, Layer(node.kind, modules[0])))
            continue
        weight = torch.stack([module.weight.detach() for module in modules])
        bias = None if modules[0].bias is None else torch.stack([module.bias.detach() for module in modules])
        sizes = len(folds), n_rows, weight.shape[2], weight.shape[1]
        joint = joint_products(sizes, weight.dtype, bias is not None, torch.get_num_threads())
        if joint is None:
            pytest.skip("on this machine one product per fold is not what autograd computes: no layers by hand")
        made.append((node, Layer(node.kind, modules[0], weight, bias, joint)))
    return made


@pytest.mark.parametrize("widths", [(64, 2), (23, 32, 2), (16, 32, 32, 10), (8, 16, 7), (5, 1, 3)], ids=str)
@pytest.mark.parametrize("dropout", [Dropout, nn.Dropout], ids=["ours", "torch"])
@pytest.mark.parametrize(("n_folds", "n_rows", "p"), [(3, 32, 0.1), (2, 5, 0.5), (1, 8, 0.0)])
def test_the_bits_of_each_fold_by_itself(widths, n_folds, n_rows, p, dropout):
    folds = list(models(n_folds, widths, p, dropout))
    source = torch.Generator().manual_seed(1)
    inputs = [torch.randn(n_rows, widths[0], generator=source) for _ in folds]
    targets = [torch.randint(widths[-1], (n_rows,), generator=source) for _ in folds]
    generators = [torch.Generator().manual_seed(9 + number) for number in range(n_folds)]
    expected = [alone(*of_fold) for of_fold in zip(folds, inputs, targets, generators, strict=True)]
    losses, gradients = backward(stacked(folds, n_rows), Both(parts=inputs), targets, 1.0 / n_rows, generators)
    for number, (model, (loss, state)) in enumerate(zip(folds, expected, strict=True)):
        found = {name: of_folds[number] for name, of_folds in gradients}
        assert torch.equal(losses[number], loss)
        assert torch.equal(generators[number].get_state(), state)
        assert found.keys() == dict(model.named_parameters()).keys()
        assert all(torch.equal(found[name], own.grad) for name, own in model.named_parameters())
