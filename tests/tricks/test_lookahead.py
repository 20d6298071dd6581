"""Lookahead, noise on gradients and labels: against their formulas."""

import pytest
import torch

from tests.tricks.trick_cases import batch, gradients, in_float64, setting, step, tricked, words
from trainer.errors import ConfigError
from trainer.tasks import MULTILABEL
from trainer.tricks.gradient_noise import GradientNoise
from trainer.tricks.label_noise import LabelNoise
from trainer.tricks.lookahead import Lookahead


def test_slow_weights_follow_every_few_steps():
    it, model = tricked(words(), lookahead=Lookahead(steps=3, alpha=0.4)), in_float64(words())
    slow = {name: p.detach().clone() for name, p in model.named_parameters()}
    for number in range(7):
        rows = batch(seed=number)
        step(it, rows)
        found = gradients(model, rows)
        with torch.no_grad():
            for name, g in found.items():
                model.get_parameter(name).sub_(0.1 * g)
                if number % 3 == 2:
                    slow[name] += 0.4 * (model.get_parameter(name) - slow[name])
                    model.get_parameter(name).copy_(slow[name])
    for name, parameter in it.model.named_parameters():
        assert (parameter.detach() - model.get_parameter(name).detach()).abs().max() < 1e-6


def test_noise_has_the_variance_of_its_step():
    trick = GradientNoise(eta=0.04, gamma=0.5)
    trick.attach(setting(words()))
    parameter = torch.nn.Parameter(torch.zeros(40_000))
    torch.manual_seed(0)
    for number in range(4):
        parameter.grad = torch.ones(40_000)
        trick.before_step([parameter])
        assert float(parameter.grad.mean()) == pytest.approx(1.0, abs=0.004)
        assert float(parameter.grad.var()) == pytest.approx(0.04 / (1 + number) ** 0.5, rel=0.03)


def test_labels_are_drawn_anew_by_their_chance():
    trick, rows = LabelNoise(rate=0.3), batch(6000)
    trick.attach(setting(words()))
    torch.manual_seed(0)
    changed = trick.changed(rows)
    assert float((changed.target != rows.target).float().mean()) == pytest.approx(0.3 * 2 / 3, abs=0.02)
    assert changed.inputs is rows.inputs
    with pytest.raises(ConfigError, match="a multilabel task"):
        trick.attach(setting(words(), task=MULTILABEL))


def test_a_fold_without_a_step_back_is_refused():
    with pytest.raises(ConfigError, match="tricks=lookahead changes nothing"):
        Lookahead(steps=50).attach(setting(words()))
