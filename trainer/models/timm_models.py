"""Any image network of timm (PyTorch Image Models), with as many outputs as the loss wants."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError, did_you_mean
from trainer.models.image_networks import body_layers, network_input, stem_channels

SAME = 1e-3  # largest relative difference of logits by way of the features


class TimmModel(nn.Module):
    """A network of timm with fresh weights; ``init.path`` loads those of a file with timm's names.

    Nothing is downloaded. Grey images are repeated to three channels, so that weights of colour images fit.

    Args:
        n_outputs: logits per image.
        in_channels: of the images.
        image_size: (H, W) of the images, told to networks that are built for one size.
        name: one of ``timm.list_models()``.
        drop_rate: dropout in front of the last layer; None = timm's own default.
        drop_path_rate: stochastic depth, where the network has it; None = timm's own default.

    Attributes:
        network: timm's, whose names its weights have behind ``network.``.

    Raises:
        ConfigError: timm is not installed, has no such model, or the model does not take images of this size.
    """

    def __init__(
        self,
        n_outputs: int,
        *,
        in_channels: int = 3,
        image_size: Sequence[int] | None = None,
        name: str = "resnet18",
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
    ) -> None:
        super().__init__()
        given = {"num_classes": n_outputs, "in_chans": stem_channels(in_channels)}
        rates = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
        wrong = [f"{key}={rate}" for key, rate in rates.items() if rate is not None and not 0 <= rate < 1]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: must be at least 0 and below 1, or null")
        self.name = name
        self.network = _build(name, image_size, {**given, **{k: v for k, v in rates.items() if v is not None}})
        self._repeats = in_channels == 1
        self._splits: bool | None = None
        self.encodes = isinstance(self._classifier(), nn.Linear | nn.Conv2d) and not drop_rate

    @staticmethod
    def weights_moments(name: str = "resnet18", **_: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation per channel of the images that timm's weights were trained on.

        Raises:
            ConfigError: timm is not installed, has no such model, or does not say it.
        """
        config = _published(name)
        if config is None:
            raise ConfigError(f"data.preprocess.normalize=weights: timm has no weights of {name}\nuse normalize=fold")
        return tuple(config.mean), tuple(config.std)

    @property
    def head(self) -> nn.Module:
        """The last layer, or all of them where there are several."""
        classifier = self._classifier()
        return nn.ModuleList(classifier) if isinstance(classifier, tuple) else classifier

    def layers(self) -> list[nn.Module]:
        """Return the backbone's layers from input to output."""
        return body_layers(self.network, self.head)

    def forward(self, images: Tensor | None = None, features: Tensor | None = None) -> Tensor:
        """Return logits (B, n_outputs) for ``images`` (B, C, H, W), or for ``features`` (B, D) that ``encode`` gave."""
        if features is not None:
            is_convolution = isinstance(self.head, nn.Conv2d)
            logits: Tensor = self.head(features[:, :, None, None] if is_convolution else features)
            return logits.flatten(1)
        assert images is not None, "images or features"
        whole: Tensor = self.network(network_input(images, repeats=self._repeats))
        return whole

    def encode(self, images: Tensor) -> Tensor:
        """Return the vector (B, D) of each image.

        Raises:
            ConfigError: the network is no backbone with one last layer on top.
        """
        if self._splits is None:
            self._splits = self.encodes and self._goes_through_features(images)
        if not self._splits:
            raise ConfigError(
                f"model.name={self.name}: its logits are not one last layer on one vector per image, so the frozen "
                "backbone cannot be run once for all epochs\nuse another model, or fit.freeze_epochs with a number"
            )
        return self._features(images)

    def _features(self, images: Tensor) -> Tensor:
        network: Any = self.network
        maps = network.forward_features(network_input(images, repeats=self._repeats))
        features: Tensor = network.forward_head(maps, pre_logits=True)
        return features.flatten(1)

    def _goes_through_features(self, images: Tensor) -> bool:
        """Return whether head and features of two images make the network's logits; timm does not say it."""
        flags = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            with torch.no_grad():
                logits = self(images[:2])
                return bool(torch.allclose(self(features=self._features(images[:2])), logits, rtol=SAME, atol=SAME))
        except (RuntimeError, IndexError, NotImplementedError):  # features of another shape
            return False
        finally:
            for module, flag in flags:
                module.training = flag

    def _classifier(self) -> Any:
        network: Any = self.network
        return network.get_classifier()


def _published(name: str) -> Any:
    """Return timm's record of a model's weights: of the tag behind the dot, or its first choice; None = no record."""
    timm = _timm()
    known = timm.list_models()
    plain, _, tag = name.partition(".")
    if plain not in known or ":" in tag:
        raise ConfigError(f"model.name: timm has no model '{name}'{did_you_mean(plain, known)}")
    try:
        return timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        raise ConfigError(f"model.name: timm has no model '{name}'; drop what follows the dot: '{plain}'") from error


def _build(name: str, image_size: Sequence[int] | None, given: dict[str, Any]) -> nn.Module:
    timm, config = _timm(), _published(name)
    if image_size is not None and config is not None and config.fixed_input_size:
        given = {**given, "img_size": tuple(image_size)}
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, **given)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(_refusal(name, config, given, error)) from error
    return network


def _refusal(name: str, config: Any, given: dict[str, Any], error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    text = f"model.name={name}: timm cannot build it: {reason}"
    if "img_size" not in given:
        return text
    height, width = given["img_size"]
    wanted = config.input_size[-1]
    return (
        f"{text}\nthe data's images are {height} x {width}, its own {wanted} x {wanted}: data.preprocess.size={wanted}"
    )


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise ConfigError("model=timm needs timm, which is not installed\npip install 'foldwise[timm]'") from error
    found: ModuleType = timm
    return found
