"""SWA against torch's AveragedModel."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tests.engine.engine_cases import dataset, same_state, state_of
from tests.tricks.trick_cases import setting, step, tricked
from trainer.errors import ConfigError
from trainer.tricks.swa import SWA


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))

    def forward(self, x):
        return self.body(x)


def model():
    torch.manual_seed(0)
    return Normed()


def test_the_average_is_that_of_torch():
    it, plain = tricked(model(), swa=SWA(start=0.5, every_steps=2)), tricked(model())
    reference = AveragedModel(plain.model, use_buffers=True)
    counted = 0
    for number in range(16):
        rows = dataset().batch(torch.arange(number, number + 6).numpy())
        step(it, rows)
        step(plain, rows)
        if number + 1 >= 8 and (number + 1) % 2 == 0:
            reference.update_parameters(plain.model)
            counted += 1
    last = state_of(it.model)
    assert same_state(last, state_of(plain.model))
    assert it.average.updates == counted == 5
    with it.evaluation_weights():
        for name, value in it.model.state_dict().items():
            if value.is_floating_point():
                torch.testing.assert_close(value, reference.module.state_dict()[name], rtol=0, atol=1e-6)
    assert same_state(state_of(it.model), last)


def test_one_set_of_weights_is_no_average():
    with pytest.raises(ConfigError, match="that is 1 set of weights"):
        SWA().attach(setting(model(), total_steps=4))
