"""From image files to normalised pixels; mean and standard deviation are taken from the fold's training images only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.decoded import (
    USUAL_SIZE,
    ImageShape,
    PreparedImages,
    choose_shape,
    decode_all,
    parse_memory,
)
from trainer.data.images.decoding import check_resize
from trainer.data.images.image_rows import ImageRows, PixelReader
from trainer.data.images.transforms import Pipeline, build_pipeline, check_pipeline
from trainer.data.images.views import TURNING, VIEWS
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Images
from trainer.errors import ConfigError, DataError, did_you_mean

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean, std: torchvision.transforms._presets
NAMED = ("fold", "imagenet", "weights", "none")
LEAST_STD = 1 / 255  # one gray level: images of a single colour are not divided by zero
NOT_IMAGES = "data.preprocess: ImagePixels is for images: data=image_folder, image_csv or image_arrays"

Moments = tuple[tuple[float, ...], tuple[float, ...]]  # mean and standard deviation per channel, of pixels in 0..1


class ImagePixels:
    """Images at one size, decoded once, normalised per fold.

    Args:
        size: pixels on a side, or [height, width]; None = the images' own where all have the same up to 256, else 224.
        channels: auto = gray where all images are gray, else RGB; 1 = gray; 3 = RGB.
        resize: squash = to the size whatever the shape; crop = fill it, the middle is kept; pad = fit inside, black
            around it.
        train: augmentation of training images: presets, or transforms of torchvision.transforms.v2 by name.
        normalize: fold = mean and standard deviation of the fold's training images; weights = those the model's
            published weights were trained with; imagenet; none = pixels in 0..1; or [[means], [stds]] per channel.
        views: at prediction the logits of the image and of each of these are averaged.
        memory: auto = keep the pixels in memory where they fit in half of what is free; true, false, or the most GiB.
        weights_moments: returns the model's mean and standard deviation, for ``normalize=weights``.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        channels: str | int = "auto",
        *,
        resize: Literal["squash", "crop", "pad"] = "squash",
        train: Sequence[Any] = (),
        normalize: str | Sequence[Sequence[float]] = "fold",
        views: Sequence[str] = (),
        memory: str | bool | float = "auto",
        weights_moments: Callable[[], Moments] | None = None,
    ) -> None:
        check_resize(resize)
        self.size = _size(size)
        if channels not in ("auto", 1, 3) or isinstance(channels, bool):
            raise ConfigError(f"data.preprocess.channels={channels}: give auto, 1 (gray) or 3 (RGB)")
        self.channels = None if isinstance(channels, str) else channels
        self.resize, self.train = resize, tuple(train)
        self.normalize = _normalize(normalize, weights_moments)
        self.views = _views(views)
        self.memory = parse_memory(memory)
        build_pipeline(self.train, self.size or (USUAL_SIZE, USUAL_SIZE))  # unknown names before any image is read

    def prepare(self, inputs: Images, track: ShowProgress = no_progress) -> PreparedImages:
        """Decode every image once.

        Raises:
            DataError: files cannot be decoded; counts them all and names the first.
            ConfigError: the inputs are no images, or a setting does not fit them.
        """
        if not isinstance(inputs, Images):
            raise ConfigError(NOT_IMAGES)
        shape = choose_shape(inputs, self.size, self.channels, self.resize)
        self._check(shape)
        return decode_all(inputs, shape, self.memory, track)

    def fit(self, inputs: Images | PreparedImages, train_rows: NDArray[np.int64]) -> "FittedImages":
        """Take mean and standard deviation from the training rows, where ``normalize`` is ``fold``."""
        prepared = _prepared(inputs, self.prepare)
        moments = self.normalize if isinstance(self.normalize, tuple) else fold_moments(prepared, train_rows)
        pipeline = build_pipeline(self.train, prepared.shape.size)
        return FittedImages(prepared.shape, moments, self.views, self.memory, pipeline, prepared.notes)

    def _check(self, shape: ImageShape) -> None:
        """Raise ConfigError where views, transforms or the given moments do not fit the images."""
        turning = [view for view in self.views if view in TURNING]
        if turning and shape.size[0] != shape.size[1]:
            raise ConfigError(f"data.preprocess.views: {turning[0]} needs square images, not {list(shape.size)}")
        if isinstance(self.normalize, tuple) and len(self.normalize[0]) not in (1, shape.channels):
            raise ConfigError(
                f"data.preprocess.normalize has {len(self.normalize[0])} channels, the images {shape.channels}: "
                "set data.preprocess.channels=3, or normalize=fold"
            )
        check_pipeline(build_pipeline(self.train, shape.size), shape.dimensions)


@dataclass(frozen=True)
class FittedImages:
    """Images as one fold normalises them.

    Attributes:
        shape: of every image.
        moments: mean and standard deviation per channel, of pixels in 0..1; one channel's count for all.
        views: for test-time augmentation.
        memory: as in ``ImagePixels``, for images that were not prepared.
        pipeline: transforms of training images; none after ``from_json``.
        seen: notes about the images.
    """

    shape: ImageShape
    moments: Moments
    views: tuple[str, ...] = ()
    memory: str | bool | float = "auto"
    pipeline: Pipeline = ()
    seen: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know."""
        said = [", ".join(f"{value:.4f}" for value in values) for values in self.moments]
        steps = ", ".join(type(transform).__name__ for transform in self.pipeline)
        augmentation = (f"augmentation: {steps}",) if steps else ()
        return (*self.seen, f"pixels normalised with mean {said[0]} and standard deviation {said[1]}", *augmentation)

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The number of channels and (height, width)."""
        return {"in_channels": self.shape.channels, "image_size": self.shape.size}

    def prepare(self, inputs: Images, track: ShowProgress = no_progress) -> PreparedImages:
        """Decode images other than those that were trained on, to the same shape."""
        if not isinstance(inputs, Images):
            raise ConfigError(NOT_IMAGES)
        return decode_all(inputs, self.shape, self.memory, track)

    def transform(self, inputs: Images | PreparedImages) -> ImageRows:
        """Return all rows, normalised.

        Raises:
            DataError: they were prepared to another shape.
        """
        prepared = _prepared(inputs, self.prepare)
        if prepared.shape != self.shape:
            raise DataError(f"the images were brought to {prepared.shape}, this fold was trained on {self.shape}")
        mean_C, std_C = (values * (self.shape.channels if len(values) == 1 else 1) for values in self.moments)
        return ImageRows(PixelReader(prepared, self.pipeline), mean_C, std_C, view_names=self.views)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        shape, (mean, std) = self.shape, self.moments
        return {
            "size": list(shape.size),
            "channels": shape.channels,
            "resize": shape.resize,
            "mean": list(mean),
            "std": list(std),
            "views": list(self.views),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedImages":
        """Rebuild the transform from ``to_json``; it does not augment."""
        height, width = saved["size"]
        shape = ImageShape((height, width), saved["channels"], saved["resize"])
        return cls(shape, (tuple(saved["mean"]), tuple(saved["std"])), _views(saved["views"]))


def fold_moments(prepared: PreparedImages, rows: NDArray[np.int64]) -> Moments:
    """Return mean and (population) standard deviation per channel of the pixels of ``rows``, in 0..1.

    Computed from whole-number sums, so the order of the rows and the number of threads change nothing.
    """
    n = len(rows) * int(np.prod(prepared.shape.size))
    means, stds = [], []
    for total, squares in zip(prepared.sums_NC[rows].sum(0), prepared.squares_NC[rows].sum(0), strict=True):
        variance = (n * int(squares) - int(total) ** 2) / (n * n)
        means.append(int(total) / n / 255)
        stds.append(max(variance**0.5 / 255, LEAST_STD))
    return tuple(means), tuple(stds)


def _prepared(inputs: Any, prepare: Any) -> PreparedImages:
    prepared: PreparedImages = inputs if isinstance(inputs, PreparedImages) else prepare(inputs)
    return prepared


def _size(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= 10_000 for side in sides):
        raise ConfigError(f"data.preprocess.size={size}: give the pixels on a side, such as 224, or [height, width]")
    return (sides[0], sides[1])


def _normalize(
    normalize: str | Sequence[Sequence[float]], weights_moments: Callable[[], Moments] | None
) -> Literal["fold"] | Moments:
    if isinstance(normalize, str):
        if normalize not in NAMED:
            hint = did_you_mean(normalize, NAMED)
            raise ConfigError(f"data.preprocess.normalize={normalize}: no such word{hint}, or [[means], [stds]]")
        if normalize == "weights":
            if weights_moments is None:
                raise ConfigError("data.preprocess.normalize=weights: no model says what its weights were trained with")
            return weights_moments()
        known: dict[str, Moments] = {"imagenet": IMAGENET, "none": ((0.0,), (1.0,))}
        return known.get(normalize, "fold")
    rows = [tuple(float(value) for value in row) for row in normalize]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or len(rows[0]) not in (1, 3) or min(rows[1]) <= 0:
        raise ConfigError(
            f"data.preprocess.normalize={list(map(list, normalize))}: give [[mean per channel], [std per channel]], of "
            "pixels in 0..1, every std above 0"
        )
    return rows[0], rows[1]


def _views(views: Sequence[str]) -> tuple[str, ...]:
    unknown = [view for view in views if view not in VIEWS]
    if unknown:
        raise ConfigError(f"data.preprocess.views: no view '{unknown[0]}'{did_you_mean(unknown[0], list(VIEWS))}")
    return tuple(views)
