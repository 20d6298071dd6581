"""Every classifier of torchvision by name: its head, its layers, its features, and torchvision's own weights."""

import warnings
from functools import cache

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.regnet import BlockParams

from tests.battery import some_of
from trainer.config.build import construct
from trainer.engine.freezing import body_parameters
from trainer.engine.modes import training
from trainer.errors import ConfigError
from trainer.models.contract import Encoder, Layered
from trainer.models.torchvision_models import SMALLEST, TorchvisionModel
from trainer.weights.load import load_weights
from trainer.weights.weight_files import read_weights

TARGET = "trainer.models.torchvision_models.TorchvisionModel"
NAMES = models.list_models(module=models)
ONE_OF_EACH = [  # family and the size of its images here
    ("alexnet", 63),
    ("convnext_tiny", 32),
    ("densenet121", 32),
    ("efficientnet_b0", 32),
    ("googlenet", 32),
    ("inception_v3", 75),
    ("mnasnet0_5", 32),
    ("mobilenet_v2", 32),
    ("mobilenet_v3_small", 32),
    ("regnet_y_400mf", 32),
    ("resnet18", 32),
    ("shufflenet_v2_x0_5", 32),
    ("squeezenet1_1", 32),
    ("swin_t", 32),
    ("vgg11", 32),
    ("vit_b_32", 32),
]


@pytest.fixture
def no_memory(monkeypatch):
    """Networks are built without memory for their weights; RegNet computes its widths all the same."""
    widths = BlockParams.from_init_params.__func__

    def on_cpu(cls, *given, **named):
        with torch.device("cpu"):
            return widths(cls, *given, **named)

    monkeypatch.setattr(BlockParams, "from_init_params", classmethod(on_cpu))
    for name in ("kaiming_normal_", "kaiming_uniform_", "trunc_normal_", "normal_", "uniform_", "constant_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *given, **named: tensor)
    with torch.device("meta"):
        yield


def built(name, size=None, n_outputs=3, **given):
    torch.manual_seed(0)
    image_size = None if size is None else (size, size)
    return construct("model", {"_target_": TARGET, "name": name}, n_outputs=n_outputs, image_size=image_size, **given)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gets_the_outputs_and_all_parameters_a_place(no_memory, name):
    model = built(name, n_outputs=7).eval()
    assert isinstance(model, Layered)
    assert isinstance(model, Encoder)
    assert model.head.weight.shape[0] == 7
    layers = [id(parameter) for layer in model.layers() for parameter in layer.parameters()]
    assert sorted(layers) == sorted(id(parameter) for parameter in body_parameters(model))
    assert len(model.layers()) > 3
    assert [value.shape for value in model.head.parameters()][-1:] == [
        value.shape for value in list(model.network.parameters())[-1:]
    ]


@cache
def ready(name, size):
    return built(name, size).eval()


LARGE = {("vgg11", 32), ("vit_b_32", 32), ("inception_v3", 75), ("convnext_tiny", 32)}


@pytest.mark.parametrize(("name", "size"), some_of(ONE_OF_EACH, set(ONE_OF_EACH) - LARGE))
def test_logits_are_torchvisions_and_pass_through_the_features(name, size):
    model = ready(name, size)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits, features = model(images=images), model.encode(images=images)
        assert logits.shape == (2, 3)
        assert features.dim() == 2
        assert torch.allclose(model(features=features), logits, atol=1e-5)
        if not name.startswith("squeezenet"):
            assert torch.equal(logits, model.network(images))


OTHER_LAYOUTS = [one for one in ONE_OF_EACH if one[0] not in ("alexnet", "vgg11", "vit_b_32")]
SHORT_FORM = {("resnet18", 32), ("convnext_tiny", 32), ("shufflenet_v2_x0_5", 32), ("swin_t", 32)}


@pytest.mark.parametrize(("name", "size"), some_of(OTHER_LAYOUTS, SHORT_FORM))
def test_the_layout_that_images_have_on_cuda_gives_the_same_logits_and_gradients(name, size):
    model, images = ready(name, size), torch.randn(2, 3, size, size)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        logits = model(images=images.contiguous(memory_format=layout))
        gradients = torch.autograd.grad(
            logits.sum(), [p for p in model.parameters() if p.requires_grad], allow_unused=True
        )
        found.append([logits.detach(), *(gradient for gradient in gradients if gradient is not None)])
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "size"), ONE_OF_EACH)
def test_layers_are_in_the_order_of_the_forward_pass(no_memory, name, size):
    model, called = built(name, size).eval(), []
    for number, layer in enumerate(model.layers()):
        for module in layer.modules():
            module.register_forward_pre_hook(lambda *_, number=number: called.append(number))
    with torch.no_grad():
        model(torch.randn(2, 3, size, size))
    firsts = list(dict.fromkeys(called))
    assert firsts == sorted(firsts)
    assert firsts == list(range(len(model.layers())))


OWN_FILES = ("resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "googlenet")


@pytest.mark.parametrize("name", some_of(OWN_FILES, OWN_FILES[1:3] + OWN_FILES[4:]))
def test_torchvisions_own_file_of_weights_fits(tmp_path, name):
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about GoogLeNet's weights
        reference = models.get_model(name, weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    model = built(name, 64).eval()
    report = load_weights(model, read_weights(tmp_path / "weights.pth"), n_outputs=3)
    last = ["network." + n for n, _ in reference.named_parameters() if "aux" not in n][-2:]
    assert report.body_share == 1
    assert [path for path, _, _ in report.reinitialised] == last
    assert all(name.startswith("aux") for name in report.unexpected)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        caught = []
        final = reference.get_submodule(last[0].removeprefix("network.").rpartition(".")[0])
        final.register_forward_pre_hook(lambda module, given: caught.append(given[0]))
        if name == "googlenet":
            reference.transform_input = True  # as torchvision sets it with its weights
        reference(images)
        wanted = caught[0].mean(dim=(2, 3)) if caught[0].dim() == 4 else caught[0]
        assert torch.allclose(model.encode(images), wanted, atol=1e-5)


def test_a_classifier_of_the_same_size_is_loaded_too(tmp_path):
    torch.manual_seed(1)
    reference = models.resnet18(num_classes=3).eval()
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    model = built("resnet18").eval()
    assert load_weights(model, read_weights(tmp_path / "weights.pth"), n_outputs=3).reinitialised == ()
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(model(images), reference(images))
    again = models.resnet18(num_classes=3)
    again.load_state_dict({name.removeprefix("network."): value for name, value in model.state_dict().items()})


def test_grey_images_are_repeated_and_weights_of_colour_images_fit():
    model, colour = built("resnet18", in_channels=1).eval(), built("resnet18").eval()
    colour.load_state_dict(model.state_dict())
    grey = torch.randn(2, 1, 32, 32)
    assert torch.equal(model(grey), colour(grey.repeat(1, 3, 1, 1)))
    assert torch.equal(model(features=model.encode(grey)), model(grey))


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "squeezenet1_0"])
def test_any_number_of_channels_and_each_is_seen(name):
    model = built(name, 32, in_channels=5).train()
    torch.manual_seed(0)
    images = torch.randn(2, 5, 32, 32)
    features = model.encode(images)
    for channel in range(5):
        assert not torch.equal(model.encode(images.index_fill(1, torch.tensor(channel), 0)), features)
    assert model(images).shape == (2, 3)


def test_squeezenet_is_torchvisions_without_the_last_relu():
    model = built("squeezenet1_1", 32).eval()
    reference = models.squeezenet1_1(num_classes=3).eval()
    reference.load_state_dict(model.network.state_dict())
    images = torch.randn(8, 3, 64, 64)
    reference.classifier[2] = nn.Identity()
    assert torch.allclose(model(images), reference(images), atol=1e-6)
    assert bool((model(images) < 0).any())


def test_dropout_in_front_of_the_head_works_on_features_too():
    model = built("mobilenet_v2", 32).train()
    features = torch.randn(4, 1280)
    assert not torch.equal(model(features=features), model(features=features))
    model.eval()
    assert torch.equal(model(features=features), model.head(features))
    assert not ready("alexnet", 63).encodes


@pytest.mark.parametrize("name", ["efficientnet_b0", "googlenet", "resnet18", "squeezenet1_1"])
def test_a_frozen_body_gives_in_training_what_encode_gives(name):
    model = built(name, 32)
    for parameter in body_parameters(model):
        parameter.requires_grad_(False)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = ready(name, 32).encode(images)
    with training(model):
        assert model.encodes
        assert torch.equal(model.encode(images), wanted)
        model(features=wanted)
        assert torch.equal(wanted, model.encode(images))  # dropout left the stored features as they were


@pytest.mark.parametrize("start", SMALLEST)
def test_the_smallest_size_is_the_smallest(no_memory, start):
    name = next(name for name in NAMES if name.startswith(start))
    least = SMALLEST[start]
    model = built(name, least).eval()
    assert model(torch.empty(1, 3, least, least)).shape == (1, 3)
    with pytest.raises(RuntimeError):
        model(torch.empty(1, 3, least - 1, least - 1))
    with pytest.raises(ConfigError, match=rf"images from {least} x {least} on.*{least - 1} x {least - 1}"):
        built(name, least - 1)


@pytest.mark.parametrize("name", ["vit_b_16", "vit_h_14", "maxvit_t"])
def test_networks_built_for_a_size(no_memory, name):
    side = 224 if name == "maxvit_t" else 10 * int(name[-2:])
    assert built(name, side).eval()(torch.empty(1, 3, side, side)).shape == (1, 3)
    with pytest.raises(ConfigError, match=rf"multiple of .*\n.*data\.preprocess\.size={side}"):
        built(name, side + 4)
    with pytest.raises(ConfigError, match="square"):
        construct("model", {"_target_": TARGET, "name": name}, n_outputs=3, image_size=(side, 2 * side))


def test_an_unknown_name():
    with pytest.raises(ConfigError, match="'resnet17': did you mean 'resnet1"):
        built("resnet17")
    with pytest.raises(ConfigError, match="no image classifier 'fcn_resnet50'"):  # it segments
        built("fcn_resnet50")


def test_the_stem_keeps_its_shape():
    ours, theirs = TorchvisionModel(3, in_channels=2).network.conv1, models.resnet18().conv1
    assert ours.weight.shape == (64, 2, 7, 7)
    assert (ours.stride, ours.padding, ours.bias) == (theirs.stride, theirs.padding, None)


@pytest.mark.parametrize(("name", "mean"), [("efficientnet_v2_l", 0.5), ("efficientnet_v2_s", 0.485), ("vgg16", 0.485)])
def test_the_moments_of_published_weights_are_torchvisions(name, mean):
    (means, deviations) = TorchvisionModel.weights_moments(name=name)
    assert means[0] == mean
    assert deviations == ((0.5, 0.5, 0.5) if mean == 0.5 else (0.229, 0.224, 0.225))
