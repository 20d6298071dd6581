"""Which models can be stacked, and what is said of the others."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainer.engine.stacked.traced import NotStackable, traced
from trainer.models.adapt import adapt_calls
from trainer.models.image_cnn import ImageCNN
from trainer.models.mlp import MLP


class Own(nn.Module):
    """A model whose forward pass is a function of the test's."""

    def __init__(self, compute, **parts):
        super().__init__()
        self.compute = compute
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.compute(self, x)


LAYER = nn.Linear(4, 3)


def kinds(model, *given):
    return [node.kind for node in traced(model, given).nodes]


def test_the_mlp_of_numbers_and_categories():
    trace = traced(MLP(5, 3, cardinalities=[4, 6], hidden=[8]), ["numeric", "categorical"])
    assert set(trace.inputs) == {"numeric", "categorical"}
    assert trace.linears() == ["body.0", "head"]
    kinds = [node.kind for node in trace.nodes]
    assert kinds == ["function", "module", "function", "module", "function", "linear", "relu", "dropout", "linear"]


def test_an_input_that_is_not_given_is_left_out():
    assert kinds(MLP(5, 3, hidden=[]), "numeric") == ["linear"]  # nor are the numbers put behind nothing


def test_inputs_put_behind_each_other_are_computed():
    assert kinds(MLP(5, 3, hidden=[], cardinalities=(4,)), "numeric", "categorical")[-2:] == ["function", "linear"]


def test_a_model_of_the_users_takes_its_one_input_under_any_name():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.GELU(), LAYER)
    adapt_calls(model)
    assert kinds(model, "numeric") == ["linear", "module", "module", "linear"]
    assert traced(model, ["numeric"]).inputs.keys() == {"numeric"}


def test_a_residual_is_traced():
    assert kinds(Own(lambda m, x: m.a(x + F.relu(x)), a=LAYER), "x") == ["relu", "function", "linear"]


def hooked():
    model = Own(lambda m, x: m.a(x), a=nn.Linear(4, 3))
    model.a.register_forward_hook(lambda *_: None)
    return model


def tied():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    b.weight = a.weight
    return nn.Sequential(a, b)


REFUSED = [
    (lambda: Own(lambda m, x: m.a(x) if x.sum() > 0 else m.a(-x), a=LAYER), "depends on its inputs"),
    (lambda: Own(lambda m, x: m.a(x + torch.randn(4)), a=LAYER), "a tensor of its own"),
    (lambda: Own(lambda m, x: m.a(F.dropout(x, 0.5, m.training)), a=LAYER), "dropout is computed fold by fold"),
    (lambda: Own(lambda m, x: m.a(m.b(x)), a=LAYER, b=nn.AlphaDropout()), "AlphaDropout layers"),
    (lambda: Own(lambda m, x: (m.a(x), x), a=LAYER), "more than its logits"),
    (lambda: Own(lambda m, x: m.a(m.a(x)), a=nn.Linear(4, 4)), "used more than once"),
    (lambda: Own(lambda m, x: m.a(m.b(x) + x), a=LAYER, b=nn.ReLU(inplace=True)), "in place"),
    (lambda: Own(lambda m, x: m.a(x), a=nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))), "Linear"),
    (lambda: ImageCNN(1, 3), "fold by fold"),
    (lambda: Own(lambda m, x: m.a(x), a=nn.GELU()), "no linear layer"),
    (lambda: nn.Sequential(nn.Dropout(1.0), LAYER), "leaves nothing"),
    (lambda: nn.Sequential(nn.Embedding(4, 4, max_norm=1.0), LAYER), "embedding has options"),
    (hooked, "has hooks"),
    (tied, "share weights"),
]


@pytest.mark.parametrize(("made", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_cannot_be_stacked_says_why(made, reason):
    model = made()
    name = {"Sequential": "input", "ImageCNN": "images"}.get(type(model).__name__, "x")
    before = set(vars(model))
    with pytest.raises(NotStackable, match=reason):
        traced(model, [name])
    assert set(vars(model)) == before
