"""Any of torchvision's image classifiers, with as many outputs as the loss wants."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from trainer.errors import ConfigError, did_you_mean
from trainer.models.image_networks import body_layers, network_input, stem_channels

SMALLEST = {  # pixels on a side, by the first letters of the name; less does not survive the pooling
    "alexnet": 63,
    "convnext": 32,
    "densenet": 29,
    "googlenet": 15,
    "inception": 75,
    "squeezenet1_0": 21,
    "squeezenet1_1": 17,
    "vgg": 32,
}
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


class TorchvisionModel(nn.Module):
    """A network of torchvision with fresh weights; ``init.path`` loads those of a file, such as torchvision's own.

    Nothing is downloaded. Grey images are repeated to three channels, so that weights of colour images fit.
    GoogLeNet and Inception come without their auxiliary heads and take images normalised as ImageNet's, as with
    torchvision's weights; SqueezeNet without its last ReLU, under which no logit could be negative.

    Args:
        n_outputs: logits per image.
        in_channels: of the images.
        image_size: (H, W) of the images; None = 224 x 224 where the network is built for a size.
        name: one of ``torchvision.models.list_models(module=torchvision.models)``.

    Attributes:
        network: torchvision's, whose names its weights have behind ``network.``.
        encodes: whether ``encode`` gives what a frozen backbone gives while the head is trained: not where there is
            dropout inside the backbone's classifier (AlexNet, VGG).

    Raises:
        ConfigError: there is no such model, or it does not take images of this size.
    """

    def __init__(
        self,
        n_outputs: int,
        *,
        in_channels: int = 3,
        image_size: Sequence[int] | None = None,
        name: str = "resnet18",
    ) -> None:
        super().__init__()
        _check_name(name)
        _check_size(name, image_size)
        self.network = _build(name, n_outputs, stem_channels(in_channels), image_size)
        self._repeats = in_channels == 1
        leaves = [path for path, module in self.network.named_modules() if not any(True for _ in module.children())]
        before_head = self.network.get_submodule(leaves[-2])
        self._last_paths = leaves[-1:]
        if isinstance(before_head, nn.Dropout):
            self._last_paths = leaves[-2:]
            before_head.inplace = False  # it would overwrite what ``encode`` returns and what ``forward`` is given
        self.encodes = not name.startswith(("alexnet", "vgg"))

    @staticmethod
    def weights_moments(name: str = "resnet18", **_: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation per channel of the images that torchvision's weights were trained on.

        Raises:
            ConfigError: there is no such model.
        """
        from torchvision import models

        _check_name(name)
        weights: Any = models.get_model_weights(name)  # an enumeration without types
        transforms = weights.DEFAULT.transforms()
        return tuple(transforms.mean), tuple(transforms.std)

    @property
    def head(self) -> nn.Module:
        """The last layer."""
        return self._last_modules()[-1]

    def layers(self) -> list[nn.Module]:
        """Return the backbone's layers from input to output."""
        return body_layers(self.network, self.head)

    def forward(self, images: Tensor | None = None, features: Tensor | None = None) -> Tensor:
        """Return logits (B, n_outputs) for ``images`` (B, C, H, W), or for ``features`` (B, D) that ``encode`` gave."""
        if features is None:
            assert images is not None, "images or features"
            logits: Tensor = self.network(network_input(images, repeats=self._repeats))
            return logits
        for module in self._last_modules():
            features = module(features[:, :, None, None] if isinstance(module, nn.Conv2d) else features)
        return features.flatten(1)

    def encode(self, images: Tensor) -> Tensor:
        """Return the vector (B, D) of each image, before the dropout in front of the head."""
        caught: list[Tensor] = []
        hook = self._last_modules()[0].register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
        try:
            self(images)
        finally:
            hook.remove()
        return caught[0].flatten(1)

    def _last_modules(self) -> list[nn.Module]:
        """Return the head and, if there is one, the dropout in front of it."""
        return [self.network.get_submodule(path) for path in self._last_paths]


def _check_name(name: str) -> None:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise ConfigError(f"model.name: torchvision has no image classifier '{name}'{did_you_mean(name, known)}")


def _check_size(name: str, image_size: Sequence[int] | None) -> None:
    if image_size is None:
        return
    height, width = image_size
    least = next((pixels for start, pixels in SMALLEST.items() if name.startswith(start)), 1)
    if min(height, width) < least:
        raise ConfigError(
            f"model.name={name} takes images from {least} x {least} on, the data's are {height} x {width}\n"
            f"set data.preprocess.size={least} or more, or use model=image_cnn"
        )
    step = _multiple(name)
    if step > 1 and (height != width or height % step):
        nearest = max(1, round(max(height, width) / step)) * step
        raise ConfigError(
            f"model.name={name} takes square images whose side is a multiple of {step}, the data's are "
            f"{height} x {width}\nset data.preprocess.size={nearest}"
        )


def _multiple(name: str) -> int:
    """Return the number of pixels that the side of an image is a multiple of."""
    if name.startswith("vit_"):
        return int(name.rpartition("_")[2])  # the side of a patch
    return 224 if name.startswith("maxvit") else 1  # windows of 7 on a 32nd of the side


def _build(name: str, n_outputs: int, n_channels: int, image_size: Sequence[int] | None) -> nn.Module:
    from torchvision import models

    given: dict[str, Any] = {}
    if name in WITH_AUXILIARY_HEADS:
        given = {"aux_logits": False, "init_weights": True, "transform_input": n_channels == 3}
    if image_size is not None and name.startswith("vit_"):
        given = {"image_size": image_size[0]}
    if image_size is not None and name.startswith("maxvit"):
        given = {"input_size": tuple(image_size)}
    network: nn.Module = models.get_model(name, weights=None, num_classes=n_outputs, **given)
    if n_channels != 3:
        _replace_stem(network, n_channels)
    if name.startswith("squeezenet"):
        dropout, convolution, _, pool = network.classifier  # type: ignore[misc]
        network.classifier = nn.Sequential()
        for key, module in (("pool", pool), ("0", dropout), ("1", convolution)):
            network.classifier.add_module(key, module)
    return network


def _replace_stem(network: nn.Module, in_channels: int) -> None:
    """Give the first convolution another number of channels, with fresh weights."""
    path, old = next((path, m) for path, m in network.named_modules() if isinstance(m, nn.Conv2d))
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, new)
