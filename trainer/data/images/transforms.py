"""Augmentation by name: only classes of torchvision.transforms.v2, arguments checked, random only by the row's seed."""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from trainer.errors import ConfigError, did_you_mean, shown

if TYPE_CHECKING:
    from torchvision.transforms import v2

OPTION = "data.preprocess.train"
HOME = "torchvision.transforms.v2"
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "hflip": {"name": "RandomHorizontalFlip"},
    "vflip": {"name": "RandomVerticalFlip"},
    "crop4": {"name": "RandomCrop", "padding": 4},
    "resized_crop": {"name": "RandomResizedCrop", "scale": [0.35, 1.0]},
    "rotate15": {"name": "RandomRotation", "degrees": 15},
    "color": {"name": "ColorJitter", "brightness": 0.2, "contrast": 0.2, "saturation": 0.2},
    "erase": {"name": "RandomErasing", "p": 0.25},
    "trivial": {"name": "TrivialAugmentWide"},
}
INSTEAD = {
    "Normalize": "use data.preprocess.normalize",
    "ToTensor": "it is torchvision's old way, and the images are tensors already",
    "Lambda": "a function cannot come from a configuration",
    "MixUp": "it mixes whole batches, not single images",
    "CutMix": "it mixes whole batches, not single images",
}
Pipeline = tuple["v2.Transform", ...]


def build_pipeline(train: Sequence[Any], size: tuple[int, int]) -> Pipeline:
    """Make the transforms of ``data.preprocess.train``.

    Args:
        train: presets, class names, or mappings of ``name`` and arguments.
        size: (H, W), given to a transform that wants a ``size`` and has none.

    Raises:
        ConfigError: a name or argument is unknown.
    """
    return tuple(_transform(entry, f"{OPTION}[{place}]", size) for place, entry in enumerate(train))


def check_pipeline(pipeline: Pipeline, shape: tuple[int, int, int]) -> None:
    """Try the transforms one after another on an image (C, H, W).

    Raises:
        ConfigError: one does not take such images, or makes something else of them.
    """
    for place, transform in enumerate(pipeline):
        named = f"{OPTION}[{place}]: {type(transform).__name__}"
        gray = torch.full(shape, 127, dtype=torch.uint8)
        try:
            after = _after(gray, pipeline[: place + 1], np.random.default_rng(0))
        except Exception as problem:  # torchvision's transforms raise what they like
            reason = shown((str(problem).splitlines() or [type(problem).__name__])[0], 200)
            raise ConfigError(f"{named} does not take images of {_by(shape)}: {reason}") from problem
        if not isinstance(after, Tensor) or tuple(after.shape) != shape:
            got = _by(after.shape) if isinstance(after, Tensor) else type(after).__name__
            raise ConfigError(
                f"{named} makes {got} of {_by(shape)}: every image must keep its shape\n"
                "data.preprocess.size and data.preprocess.channels set it for training and evaluation"
            )
        if after.is_floating_point() and after.median() > 1:
            raise ConfigError(
                f"{named} leaves gray pixels at {after.median():.0f} in floating point, where white is 1: "
                "all would be white\nuse {name: ToDtype, dtype: float32, scale: true}"
            )


def augmented(image_CHW: Tensor, pipeline: Pipeline, random: np.random.Generator) -> Tensor:
    """Return the image after all transforms, uint8; ``random`` alone decides, and torch's generator is left as it was.

    What a transform leaves in floating point counts as 0..1, as in torchvision, and goes back to 8 bits.
    """
    image_CHW = _after(image_CHW, pipeline, random)
    if isinstance(image_CHW, Tensor) and image_CHW.is_floating_point():
        image_CHW = image_CHW.clamp(0, 1).mul(255).round().to(torch.uint8)
    return image_CHW


def _after(image_CHW: Tensor, pipeline: Pipeline, random: np.random.Generator) -> Tensor:
    """Return what the transforms make of an image, whatever it is."""
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(int(random.integers(2**63)))
    try:
        for transform in pipeline:
            image_CHW = transform(image_CHW)
    finally:
        generator.set_state(before)
    return image_CHW


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _transform(entry: Any, option: str, size: tuple[int, int]) -> "v2.Transform":
    given = PRESETS.get(entry, {"name": entry}) if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ConfigError(
            f"{option}: {entry!r}: give a name, or name and arguments: {{name: GaussianBlur, kernel_size: 3}}"
        )
    kind = _class_named(given["name"], option)
    arguments = {key: value for key, value in given.items() if key != "name"}
    parameters = inspect.signature(kind).parameters
    for key in arguments:
        if key not in parameters:
            known = did_you_mean(key, list(parameters))
            raise ConfigError(f"{option}.{key}: {kind.__name__} takes no such argument{known}")
    if "size" in parameters and parameters["size"].default is inspect.Parameter.empty:
        arguments.setdefault("size", list(size))
    if kind.__name__ == "ToDtype":
        arguments.setdefault("scale", True)  # torchvision's False leaves 0..255 in floating point, where white is 1
    read = {key: _value(key, value, option, size) for key, value in arguments.items()}
    try:
        return kind(**read)
    except Exception as problem:  # torchvision's constructors raise what they like
        raise ConfigError(f"{option}: {kind.__name__} refused its arguments: {shown(str(problem), 200)}") from problem


def _class_named(name: str, option: str) -> "type[v2.Transform]":
    """Return a class of torchvision.transforms.v2, by one look-up, and nothing else."""
    from torchvision.transforms import v2

    known = {
        key: value
        for key, value in vars(v2).items()
        if inspect.isclass(value) and issubclass(value, v2.Transform) and value is not v2.Transform
    }
    if name in INSTEAD:
        raise ConfigError(f"{option}: {name} has no place here: {INSTEAD[name]}")
    if name not in known:
        raise ConfigError(f"{option}: {HOME} has no transform '{shown(name)}'{did_you_mean(name, [*PRESETS, *known])}")
    return known[name]


def _value(key: str, value: Any, option: str, size: tuple[int, int]) -> Any:
    """Return a YAML value as torchvision wants it: nested transforms, a dtype or an interpolation by name."""
    if key in ("transforms", "transform"):
        entries = value if isinstance(value, (list, tuple)) else [value]
        built = [_transform(entry, f"{option}.{key}[{place}]", size) for place, entry in enumerate(entries)]
        return built if isinstance(value, (list, tuple)) else built[0]
    if key == "dtype":
        if value not in ("uint8", "float32"):
            raise ConfigError(f"{option}.dtype: {value!r}: give uint8 or float32")
        return getattr(torch, value)
    return value
