"""MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019): each row of a training batch is mixed with the one before it.

The rows of a batch are in random order, so the one before is a random partner (torchvision's transforms do the same).
What is drawn is a pure function of (seed, repeat, fold, epoch, number of the batch in the epoch).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from trainer.data.loading.batches import Batch
from trainer.engine.settings import FitSettings
from trainer.errors import ConfigError

STREAM = 1  # sets these random numbers apart from those that augment a row


def mixes(settings: FitSettings) -> bool:
    """Return whether training rows are mixed."""
    return settings.mixup_alpha > 0 or settings.cutmix_alpha > 0


def mixed_batches(batches: Iterator[Batch], settings: FitSettings, key: tuple[int, ...], first: int) -> Iterator[Batch]:
    """Return the batches with their rows mixed, or as they are where nothing is to be mixed.

    Args:
        batches: of an epoch, or those that are left of it.
        settings: the alphas; where both are set, each batch is mixed in one of the two ways, by equal chance.
        key: (seed, repeat, fold, epoch).
        first: number of the first batch in the epoch, from 0.

    Raises:
        ConfigError: the inputs cannot be mixed.
    """
    if not mixes(settings):
        return batches
    return (mixed(batch, settings, (*key, number, STREAM)) for number, batch in enumerate(batches, start=first))


def mixed(batch: Batch, settings: FitSettings, key: tuple[int, ...]) -> Batch:
    """Mix one batch with the random numbers that ``key`` seeds.

    Raises:
        ConfigError: its inputs cannot be mixed.
    """
    require_mixable(batch.inputs, settings)
    random = np.random.default_rng(key)
    cut = settings.mixup_alpha == 0 or (settings.cutmix_alpha > 0 and random.random() < 0.5)
    alpha = settings.cutmix_alpha if cut else settings.mixup_alpha
    share = float(random.beta(alpha, alpha))
    if not cut:
        return mixup(batch, share)
    height, width = next(iter(batch.inputs.values())).shape[-2:]
    return cutmix(batch, share, (int(random.integers(height)), int(random.integers(width))))


def require_mixable(inputs: Mapping[str, Tensor], settings: FitSettings) -> None:
    """Refuse inputs that cannot be mixed.

    Raises:
        ConfigError: names the input and what to do.
    """
    options = {"fit.mixup_alpha": settings.mixup_alpha, "fit.cutmix_alpha": settings.cutmix_alpha}
    option = next(name for name, alpha in options.items() if alpha > 0)
    for name, value in inputs.items():
        if not value.is_floating_point():
            raise ConfigError(
                f"{option} mixes numbers, and the input '{name}' holds codes ({str(value.dtype)[6:]}): a token or a "
                f"category has no in-between\nset {option}=0; it is for images and for tables of numbers"
            )
        if settings.cutmix_alpha > 0 and value.dim() != 4:
            shape = ", ".join(["B", *map(str, value.shape[1:])])
            raise ConfigError(
                f"fit.cutmix_alpha pastes boxes of images (B, C, H, W), and the input '{name}' is ({shape})\n"
                "use fit.mixup_alpha in its place"
            )


def mixup(batch: Batch, share: float) -> Batch:
    """Return each row as ``share`` of itself plus the rest of the row before it."""
    inputs = {name: value.roll(1, 0).mul_(1.0 - share).add_(value.mul(share)) for name, value in batch.inputs.items()}
    return replace(batch, inputs=inputs, share=share)


def cutmix(batch: Batch, share: float, centre: tuple[int, int]) -> Batch:
    """Paste a box of the image before it into each image.

    Args:
        batch: images (B, C, H, W).
        share: of the image that the box leaves, were it not cut off at the edges.
        centre: of the box, (row, column).
    """
    height, width = next(iter(batch.inputs.values())).shape[-2:]
    top, bottom = _stretch(centre[0], height, share)
    left, right = _stretch(centre[1], width, share)
    inputs = {}
    for name, images_BCHW in batch.inputs.items():
        inputs[name] = images_BCHW.clone()
        inputs[name][..., top:bottom, left:right] = images_BCHW.roll(1, 0)[..., top:bottom, left:right]
    return replace(batch, inputs=inputs, share=1.0 - (bottom - top) * (right - left) / (height * width))


def _stretch(centre: int, size: int, share: float) -> tuple[int, int]:
    half = int(0.5 * math.sqrt(1.0 - share) * size)
    return max(0, centre - half), min(size, centre + half)
