"""Re-initialised layers: which are drawn, from what, what is said of it, and what is refused."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.tricks.trick_cases import setting, tricked, words
from trainer.errors import ConfigError
from trainer.tricks.reinit import Reinit, draw

PRETRAINED = {"pretrained": True}


def test_the_top_layer_is_drawn_and_the_others_keep_every_bit():
    model, before = words(), words().state_dict()
    torch.manual_seed(7)
    it = tricked(model, None, PRETRAINED, reinit=Reinit())
    torch.manual_seed(7)
    drawn = nn.Linear(6, 5)
    for name, value in model.state_dict().items():
        expected = getattr(drawn, name.rpartition(".")[2]) if name.startswith("hidden") else before[name]
        assert torch.equal(value, expected), name
    way = sum((model.state_dict()[name] - before[name]).square().sum() for name in ("hidden.weight", "hidden.bias"))
    assert it.tricks.moves["reinit"].distance == pytest.approx(float(way) ** 0.5)
    assert (it.tricks.moves["reinit"].tensors, it.tricks.moves["reinit"].numbers) == (2, 35)


def test_a_backbone_with_a_configuration_draws_as_it_says():
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(200, 300), nn.LayerNorm(300))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(5.0)
    draw(layer, 0.02)
    weight = layer[0].weight.detach()
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)
    assert abs(float(weight.mean())) < 0.02 / 60_000**0.5 * 4
    assert not layer[0].bias.any()
    assert layer[1].weight.eq(1).all()
    assert not layer[1].bias.any()


def test_the_standard_deviation_is_that_of_the_model_s_configuration():
    model = words()
    model.hidden.config = SimpleNamespace(initializer_range=1e-6)
    Reinit().attach(setting(model, **PRETRAINED))
    assert 0 < float(model.hidden.weight.detach().abs().max()) < 1e-5
    assert not model.hidden.bias.any()


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


@pytest.mark.parametrize(
    ("model", "told", "options", "said"),
    [
        (nn.Linear(2, 2), PRETRAINED, {}, "Linear has no method layers()"),
        (words(), {}, {}, "those of Words are fresh"),
        (words(), PRETRAINED, {"layers": 2}, "tricks.reinit.layers=2: Words has 2 layers"),
        (words().requires_grad_(False), PRETRAINED, {}, "layers anew that are frozen"),
        (words(), PRETRAINED, {"layers": 0}, "tricks.reinit.layers=0 is not at least 1"),
    ],
)
def test_nothing_to_draw_is_an_error(model, told, options, said):
    with pytest.raises(ConfigError) as refused:
        Reinit(**options).attach(setting(model, **told))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 2


@pytest.mark.parametrize("spread", [None, 0.02])
def test_a_part_that_does_not_say_how_it_is_drawn_is_refused_by_name(spread):
    with pytest.raises(ConfigError, match=r"tricks=reinit cannot draw Own anew \(scale\)"):
        draw(nn.Sequential(Own()), spread)
