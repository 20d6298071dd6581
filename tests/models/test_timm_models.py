"""Networks of timm: their logits, heads, layers and features, and timm's own weights."""

import sys

import pytest
import torch

from trainer.config.build import construct
from trainer.engine.freezing import body_parameters
from trainer.engine.modes import training
from trainer.errors import ConfigError
from trainer.models import timm_models
from trainer.weights.load import load_weights
from trainer.weights.weight_files import read_weights

timm = pytest.importorskip("timm")

TARGET = "trainer.models.timm_models.TimmModel"
SMALL = [  # a network of each kind and the size of its images here
    ("dla46_c", 32),  # its last layer is a convolution
    ("test_convnext", 64),
    ("test_efficientnet", 64),
    ("test_mambaout", 64),
    ("test_maxvit", 160),
    ("test_nfnet", 64),
    ("test_resnet", 64),
    ("test_vit", 64),
]
SEVERAL_HEADS = ["deit_tiny_distilled_patch16_224", "levit_128s"]


def built(name, size=None, n_outputs=3, in_channels=3, **given):
    torch.manual_seed(0)
    section = {"_target_": TARGET, "name": name, **given}
    image_size = None if size is None else (size, size)
    return construct("model", section, n_outputs=n_outputs, in_channels=in_channels, image_size=image_size)


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_logits_are_timms_and_pass_through_the_features(name, size):
    model = built(name, size).eval()
    torch.manual_seed(0)
    given = {"img_size": (size, size)} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    reference = timm.create_model(name, num_classes=3, **given).eval()
    images = torch.randn(4, 3, size, size)
    with torch.no_grad():
        logits, features = model(images=images), model.encode(images=images)
        assert torch.equal(logits, reference(images))
        assert model.encodes
        assert features.shape == (4, reference.head_hidden_size)
        assert torch.allclose(model(features=features), logits, atol=1e-5)


@pytest.mark.parametrize(("name", "size"), SMALL)
def test_every_parameter_is_in_the_head_or_in_one_layer(name, size):
    model, called = built(name, size).eval(), []
    parameters = [id(parameter) for layer in model.layers() for parameter in layer.parameters()]
    assert sorted(parameters) == sorted(id(parameter) for parameter in body_parameters(model))
    for number, layer in enumerate(model.layers()):
        for module in layer.modules():
            module.register_forward_pre_hook(lambda *_, number=number: called.append(number))
    with torch.no_grad():
        model(torch.randn(1, 3, size, size))
    assert list(dict.fromkeys(called)) == list(range(len(model.layers())))
    assert len(model.layers()) > 3
    assert next(iter(model.head.parameters())).shape[0] == 3


def test_timms_own_file_of_weights_fits(tmp_path):
    torch.manual_seed(1)
    reference = timm.create_model("test_resnet", num_classes=1000).eval()
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    model = built("test_resnet", 64).eval()
    report = load_weights(model, read_weights(tmp_path / "weights.pth"), n_outputs=3)
    assert report.body_share == 1
    assert [name for name, _, _ in report.reinitialised] == ["network.fc.weight", "network.fc.bias"]
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        wanted = reference.forward_head(reference.forward_features(images), pre_logits=True)
        assert torch.equal(model.encode(images), wanted)


def test_grey_images_are_repeated_and_other_channels_are_built_in():
    model, colour = built("test_resnet", in_channels=1).eval(), built("test_resnet").eval()
    colour.load_state_dict(model.state_dict())
    grey = torch.randn(2, 1, 64, 64)
    assert torch.equal(model(grey), colour(grey.repeat(1, 3, 1, 1)))
    assert torch.allclose(model(features=model.encode(grey)), model(grey), atol=1e-6)
    assert built("test_resnet", in_channels=5)(torch.randn(2, 5, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize("name", SEVERAL_HEADS)
def test_a_network_with_several_heads_trains_but_has_no_features(name):
    size = 64 if name.startswith("deit") else 224
    model = built(name, size)
    assert model(torch.randn(2, 3, size, size)).shape == (2, 3)
    body = {id(parameter) for layer in model.layers() for parameter in layer.parameters()}
    assert body == {id(parameter) for parameter in body_parameters(model)}
    assert len(list(model.head.children())) == 2
    assert not model.encodes
    with pytest.raises(ConfigError, match="not one last layer"):
        model.encode(torch.randn(2, 3, size, size))


def test_a_network_whose_logits_are_more_than_the_head_of_the_features_is_found_out(monkeypatch):
    model = built("test_resnet", 64)
    forward = model.network.forward
    monkeypatch.setattr(model.network, "forward", lambda images: forward(images) + 1)
    with pytest.raises(ConfigError, match="test_resnet"):
        model.encode(torch.randn(2, 3, 64, 64))
    assert model.network.training


def test_dropout_and_stochastic_depth():
    model, images = built("test_vit", 64, drop_rate=0.5, drop_path_rate=0.3).train(), torch.randn(2, 3, 64, 64)
    assert not torch.equal(model(images), model(images))
    assert not model.encodes  # timm's dropout in front of the head is part of the features
    assert torch.equal(model.eval()(images), model(images))
    with pytest.raises(ConfigError, match=r"dla46_c.*drop_path_rate"):
        built("dla46_c", drop_path_rate=0.1)


def test_a_frozen_body_gives_in_training_what_encode_gives():
    model, images = built("test_resnet", 64), torch.randn(4, 3, 64, 64)
    for parameter in body_parameters(model):
        parameter.requires_grad_(False)
    wanted = model.eval().encode(images)
    with training(model):
        assert torch.equal(model.encode(images), wanted)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet17", "'resnet17': did you mean 'resnet1"),
        ("resnet18.nonsense", "drop what follows the dot: 'resnet18'"),
        ("hf-hub:timm/resnet18.a1_in1k", "no model 'hf-hub:timm/resnet18.a1_in1k'"),
        ("local-dir:/tmp", "no model 'local-dir:/tmp'"),
    ],
)
def test_unknown_names_and_names_of_places_are_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        built(name)


def test_a_size_that_does_not_fit_the_patches():
    with pytest.raises(ConfigError, match=r"images are 65 x 65, its own 224 x 224: data\.preprocess\.size=224"):
        built("nest_tiny", 65)


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[timm\]'"):
        built("resnet18")


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("vit_base_patch16_224", 0.5),  # augreg
        ("vit_base_patch16_224.dino", 0.485),
        ("beit_base_patch16_224", 0.5),
        ("resnet50", 0.485),
        ("vit_base_patch16_clip_224", 0.48145466),
    ],
)
def test_the_moments_of_published_weights_are_those_of_their_tag(name, mean):
    moments = timm_models.TimmModel.weights_moments(name=name, drop_rate=0.1)
    assert moments[0][0] == mean
    assert moments == (timm.get_pretrained_cfg(name).mean, timm.get_pretrained_cfg(name).std)


@pytest.mark.parametrize("name", ["vit_bas_patch16_224", "resnet18.no_such_tag"])
def test_moments_of_no_model_are_refused(name):
    with pytest.raises(ConfigError, match="timm has no model"):
        timm_models.TimmModel.weights_moments(name=name)


@pytest.mark.parametrize("rate", ["drop_rate", "drop_path_rate"])
@pytest.mark.parametrize("value", [1.0, -0.1, 1000.0, float("nan")])
def test_rates_that_timm_takes_and_fails_with_are_refused(rate, value):
    with pytest.raises(ConfigError, match=f"{rate}={value}: must be at least 0 and below 1, or null"):
        built("test_resnet", 64, **{rate: value})
