"""R-Drop: one step against the formula in float64, under the same dropout masks; Bernoulli and numbers."""

import pytest
import torch
from torch.nn import functional as F

from tests.tricks.trick_cases import assert_stepped, batch, in_float64, setting, step, tricked, words
from trainer.errors import ConfigError
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION
from trainer.tricks.rdrop import RDrop


def test_a_step_is_along_both_passes_and_their_divergence():
    it, model, rows = tricked(words(0.4), rdrop=RDrop(alpha=0.7)), in_float64(words(0.4)), batch()
    torch.manual_seed(5)
    step(it, rows)
    torch.manual_seed(5)
    masks = [F.dropout(torch.ones(8, 5), 0.4).double() for _ in range(2)]  # drawn as the model's are
    assert not torch.equal(*masks)
    hidden = model.hidden(model.table(rows.inputs["tokens"]).mean(1)).tanh()
    logits = [model.head(hidden * mask) for mask in masks]
    p, q = (one.softmax(1) for one in logits)
    kl = ((p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1)) / 2
    loss = sum(F.cross_entropy(one, rows.target) for one in logits) / 2 + 0.7 * kl.mean()
    names, parameters = zip(*model.named_parameters(), strict=True)
    assert_stepped(it, model, dict(zip(names, torch.autograd.grad(loss, parameters), strict=True)))


@pytest.mark.parametrize(
    ("task", "n_outputs"), [(MULTICLASS, 3), (BINARY, 1), (MULTILABEL, 4), (REGRESSION, 1)], ids=str
)
def test_the_divergence_is_that_of_the_task(task, n_outputs):
    trick = RDrop()
    trick.attach(setting(words(0.1), task=task, n_outputs=n_outputs))
    torch.manual_seed(0)
    one, other = 3 * torch.randn(5, n_outputs).double(), 3 * torch.randn(5, n_outputs).double()
    if task == REGRESSION:
        expected = (one - other).square().mean(1)
    elif task == MULTICLASS:
        p, q = torch.distributions.Categorical(logits=one), torch.distributions.Categorical(logits=other)
        expected = (torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)) / 2
    else:
        p, q = torch.distributions.Bernoulli(logits=one), torch.distributions.Bernoulli(logits=other)
        expected = (torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)).mean(1) / 2
    torch.testing.assert_close(trick.divergence(one, other), expected)


def test_extreme_logits_give_finite_gradients():
    trick = RDrop()
    one = torch.tensor([[200.0, -200.0]], requires_grad=True)
    trick.divergence(one, torch.tensor([[-200.0, 200.0]])).sum().backward()
    assert torch.isfinite(one.grad).all()


def test_a_model_without_dropout_is_refused():
    with pytest.raises(ConfigError, match="has 1 dropout layer with p=0: both"):
        RDrop().attach(setting(words(0.0)))
