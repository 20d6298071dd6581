"""Multi-sample dropout: a step against the mean of the samples' losses in float64; models that have no place for it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import level
from tests.tricks.trick_cases import Words, assert_stepped, batch, in_float64, setting, step, tricked, words
from trainer.errors import ConfigError
from trainer.models.pooling import PooledHead
from trainer.tricks.multi_sample_dropout import MultiSampleDropout


def test_a_step_is_along_the_mean_of_the_samples_losses():
    it, model = tricked(words(0.4), multi_sample_dropout=MultiSampleDropout(samples=3)), in_float64(words(0.4))
    rows, below = batch(), []
    it.model.hidden.register_forward_hook(lambda *_: below.append(1))
    torch.manual_seed(5)
    step(it, rows)
    assert len(below) == 1  # the layers below run once
    torch.manual_seed(5)
    masks = [F.dropout(torch.ones(8, 5), 0.4).double() for _ in range(3)]  # drawn as the model's are
    hidden = model.hidden(model.table(rows.inputs["tokens"]).mean(1)).tanh()
    loss = sum(F.cross_entropy(model.head(hidden * mask), rows.target) for mask in masks) / 3
    names, parameters = zip(*model.named_parameters(), strict=True)
    assert_stepped(it, model, dict(zip(names, torch.autograd.grad(loss, parameters), strict=True)))


@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2", "O3"])
def test_dropout_within_the_head_is_sampled_too_at_every_level(opt_level):
    model = words()
    model.head = PooledHead(5, 3, dropout=0.5)
    it, seen = tricked(model, {"amp": level(opt_level)}, multi_sample_dropout=MultiSampleDropout(samples=4)), []
    model.head.linear.register_forward_hook(lambda *call: seen.append(call[2].detach()))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    step(it, batch())
    assert len(seen) == 4
    assert not any(torch.equal(seen[0], other) for other in seen[1:])
    assert any(not one.equal(own) for one, own in zip(model.parameters(), before, strict=True))
    model.eval()
    model(**batch().inputs)
    assert len(seen) == 5  # one mask, and none, outside of a step


class Apart(Words):
    def forward(self, tokens):
        return self.head(self.dropout(self.table(tokens).mean(1))[:, :5].tanh())


class Twice(Words):
    def forward(self, tokens):
        return 2 * super().forward(tokens)


@pytest.mark.parametrize(
    ("model", "said"),
    [(Apart(0.3), "no dropout is right in front of the head of Apart"), (Twice(0.3), "the logits of Twice are not")],
)
def test_a_model_without_a_place_for_it_is_refused_by_name(model, said):
    with pytest.raises(ConfigError, match=f"tricks=multi_sample_dropout: {said}"):
        step(tricked(model, multi_sample_dropout=MultiSampleDropout()), batch())


@pytest.mark.parametrize(
    ("model", "said"), [(nn.Linear(2, 2), "Linear has no attribute head"), (words(0.0), "Words has no dropout layer")]
)
def test_no_head_or_no_dropout_is_refused_before_training(model, said):
    with pytest.raises(ConfigError, match=said):
        MultiSampleDropout().attach(setting(model))
    with pytest.raises(ConfigError, match="is not at least 2"):
        MultiSampleDropout(samples=1)
