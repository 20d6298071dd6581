"""The small image network: any size, its features, what it learns, and every opt level."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.amp_parity import DTYPES, LEVELS, digits
from trainer.config.build import construct
from trainer.config.schema import AmpConfig
from trainer.engine.freezing import body_parameters
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.errors import ConfigError
from trainer.models.contract import Encoder, Layered
from trainer.models.image_cnn import ImageCNN

CPU = torch.device("cpu")


def small(in_channels=3, n_outputs=4, **given):
    torch.manual_seed(0)
    return ImageCNN(in_channels, n_outputs, **{"widths": (8, 16), **given})


def test_equals_plain_torch():
    model = small().eval()
    images = torch.randn(2, 3, 12, 9)
    maps = images
    for block in model.blocks:
        first, norm1, _, _, second, norm2, _ = block
        maps = F.relu(norm1(F.conv2d(maps, first.weight, padding=1)))
        maps = F.max_pool2d(maps, 2, ceil_mode=True)
        maps = F.relu(norm2(F.conv2d(maps, second.weight, padding=1)))
    pooled = torch.cat([F.adaptive_avg_pool2d(maps, 1), F.adaptive_max_pool2d(maps, 1)], dim=1).flatten(1)
    assert torch.allclose(model(images), model.head(pooled), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (28, 28), (33, 64)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_any_size(in_channels, size):
    assert small(in_channels).eval()(images=torch.randn(2, in_channels, *size)).shape == (2, 4)


def test_the_contract_of_head_and_body():
    model, images = small().eval(), torch.randn(2, 3, 16, 16)
    assert isinstance(model, Layered)
    assert isinstance(model, Encoder)
    assert torch.equal(model(features=model.encode(images)), model(images))
    body = [parameter for layer in model.layers() for parameter in layer.parameters()]
    assert [id(p) for p in body] == [id(p) for p in body_parameters(model)]


def test_rows_do_not_depend_on_each_other_and_channels_last_is_the_same():
    model, images = small().eval(), torch.randn(6, 3, 16, 16)
    assert torch.allclose(model(images)[:2], model(images[:2]), atol=1e-6)
    assert torch.allclose(model(images.to(memory_format=torch.channels_last)), model(images), atol=1e-6)


def test_it_learns_the_digits():
    data = digits(pictures=True)
    images, target = data.rows.inputs["image"], data.target
    model = small(1, 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for rows in torch.randperm(1400, generator=generator).split(64):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(model(images[rows]), target[rows]))
            optimizer.step()
    right = model.eval()(images[1400:]).argmax(dim=1) == target[1400:]
    assert right.float().mean() > 0.85


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_every_opt_level_runs_forward_and_backward(level, dtype):
    images, target = torch.randn(8, 3, 16, 16), torch.arange(8) % 4
    losses = {}
    for name in ("O0", level):
        model = small(dropout=0.0).train()
        precision = Precision(model, resolve_opt_level(AmpConfig(name, dtype=dtype), CPU))
        loss = F.cross_entropy(precision.forward(model, {"images": images}), target)
        precision.backward(loss)
        assert all(bool(p.grad.float().abs().sum() > 0) for p in model.parameters())
        losses[name] = loss.item()
    assert losses[level] == pytest.approx(losses["O0"], rel=0.02)


@pytest.mark.parametrize("widths", [[], [0, 4]])
def test_wrong_widths_are_refused(widths):
    section = {"_target_": "trainer.models.image_cnn.ImageCNN", "widths": widths}
    with pytest.raises(ConfigError, match="widths"):
        construct("model", section, in_channels=1, n_outputs=2)


def test_batchnorm_has_no_bias_in_front_of_it():
    convolutions = [module for module in small().modules() if isinstance(module, nn.Conv2d)]
    assert [module.bias for module in convolutions] == [None] * 4
