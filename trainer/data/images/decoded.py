"""All images decoded once: checked, summed up per channel, and kept as uint8 where they fit in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.images.decoding import Origin, brought_to, quiet
from trainer.data.images.image_files import decoded_image, head_of_image, raise_broken, raise_undecodable
from trainer.data.images.pixel_arrays import forget_arrays
from trainer.data.preprocess.contract import ShowProgress
from trainer.data.samples import Images
from trainer.errors import ConfigError, DataError
from trainer.system.resources import available_bytes
from trainer.system.thread_map import threaded

OWN_SIZE_MOST = 256  # pixels on a side up to which images of one size are taken as they are
USUAL_SIZE = 224  # what most pretrained models were trained with
MEMORY_SHARE = 0.5  # of what is available, under memory: auto
GIB = 2**30


@dataclass(frozen=True)
class ImageShape:
    """What every image is brought to.

    Attributes:
        size: (H, W).
        channels: 1 or 3.
        resize: squash, crop or pad.
    """

    size: tuple[int, int]
    channels: int
    resize: str

    @property
    def dimensions(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, *self.size)

    def read(self, images: Images, row: int) -> tuple[NDArray[np.uint8], Origin]:
        """Return the pixels (C, H, W) of a row, read from its file.

        Raises:
            DataError: it cannot be decoded; says what, not which file.
        """
        image, origin = decoded_image(images.root, images.names[row])
        return brought_to(image, self.size, self.channels, self.resize), origin


@dataclass(frozen=True)
class PreparedImages:
    """All images of a data set at one size.

    Attributes:
        images: the files.
        shape: of every image.
        pixels_NCHW: uint8, or None where they are read from the files when needed.
        sums_NC: int64, per image and channel the sum of its pixels.
        squares_NC: int64, likewise of their squares.
        notes: what a person should know.
    """

    images: Images
    shape: ImageShape
    pixels_NCHW: Tensor | None
    sums_NC: NDArray[np.int64]
    squares_NC: NDArray[np.int64]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images.names)


def choose_shape(images: Images, size: tuple[int, int] | None, channels: int | None, resize: str) -> ImageShape:
    """Return the shape for all images, from the heads of the files where the user left it open.

    Raises:
        DataError: files are no images; names rows and files, those that are cut off too.
    """
    if size is not None and channels is not None:
        return ImageShape(size, channels, resize)
    try:
        heads = _all(images, lambda row: head_of_image(images.root, images.names[row]), None)
    except DataError:
        raise_undecodable(images.root, images.names)
        raise
    if size is None:
        sizes = {head.size for head in heads}
        own = next(iter(sizes))
        size = own if len(sizes) == 1 and max(own) <= OWN_SIZE_MOST else (USUAL_SIZE, USUAL_SIZE)
    if channels is None:
        channels = 1 if all(head.is_gray for head in heads) else 3
    return ImageShape(size, channels, resize)


def decode_all(images: Images, shape: ImageShape, memory: str | bool | float, track: ShowProgress) -> PreparedImages:
    """Decode every image once, in threads where that is faster.

    Args:
        images: the files.
        shape: to bring them to.
        memory: auto = keep the pixels where they fit in half the memory that is free; true, false, or the most GiB.
        track: shows the progress.

    Raises:
        DataError: files cannot be decoded; counts them all and names the first.
    """
    n_rows, n_bytes = len(images.names), len(images.names) * int(np.prod(shape.dimensions))
    keep = fits_in_memory(n_bytes, memory)
    pixels = torch.empty((n_rows, *shape.dimensions), dtype=torch.uint8) if keep else None
    into = None if pixels is None else pixels.numpy()
    sums_NC, squares_NC = (np.zeros((n_rows, shape.channels), dtype=np.int64) for _ in range(2))

    def one(row: int) -> Origin:
        pixels_CHW, origin = shape.read(images, row)
        sums_NC[row] = pixels_CHW.sum(axis=(1, 2), dtype=np.int64)
        squares_NC[row] = np.square(pixels_CHW, dtype=np.int64).sum(axis=(1, 2))
        if into is not None:
            into[row] = pixels_CHW
        return origin

    origins = _all(images, one, track)
    if keep:
        forget_arrays()  # they would be in memory twice
    held = f"held in memory ({n_bytes / 2**20:,.0f} MiB)" if keep else "read from the files in every epoch"
    return PreparedImages(images, shape, pixels, sums_NC, squares_NC, _notes(origins, shape, held))


def fits_in_memory(n_bytes: int, memory: str | bool | float) -> bool:
    """Return whether so many bytes of pixels are kept in memory."""
    if isinstance(memory, bool):
        return memory
    most = MEMORY_SHARE * available_bytes() if isinstance(memory, str) else memory * GIB
    return n_bytes <= most


def parse_memory(memory: str | bool | float) -> str | bool | float:
    """Return ``memory`` where it is auto, true, false or a number of GiB.

    Raises:
        ConfigError: it is neither.
    """
    is_number = isinstance(memory, (int, float)) and memory >= 0
    if memory == "auto" or isinstance(memory, bool) or is_number:
        return memory
    raise ConfigError(f"data.preprocess.memory={memory}: give auto, true, false, or the most GiB to use")


def _all(images: Images, one: Any, track: ShowProgress | None) -> list[Origin]:
    """Return ``one(row)`` of every row; all that fail make one error."""
    rows = range(len(images.names))
    origins: list[Origin] = []
    broken: list[tuple[int, str]] = []

    def caught(row: int) -> Any:
        try:
            return one(row)
        except DataError as problem:
            return problem

    with quiet():
        results = threaded(caught, rows)
        for row, result in enumerate(results if track is None else track(results, "decoding images", len(rows))):
            if isinstance(result, DataError):
                broken.append((row, str(result)))
            else:
                origins.append(result)
    raise_broken(images.root, images.names, broken)
    return origins


def _notes(origins: Sequence[Origin], shape: ImageShape, held: str) -> tuple[str, ...]:
    """Say what the files hold and what was done to them."""
    height, width = shape.size
    sizes = sorted({origin.size for origin in origins}, key=lambda size: (size[0] * size[1], size))
    colour = "gray" if shape.channels == 1 else "RGB"
    seen = _size(sizes[0]) if len(sizes) == 1 else f"{_size(sizes[0])} to {_size(sizes[-1])} ({len(sizes)} sizes)"
    how = "" if sizes == [shape.size] else f" ({shape.resize})"
    notes = [f"images: {seen} pixels, brought to {height} x {width} {colour}{how}, {held}"]
    counted = Counter(
        what
        for origin in origins
        for what, holds in (
            ("turned upright (EXIF)", origin.is_rotated),
            ("with transparency, shown on white", origin.is_transparent),
            ("with several frames, the first is taken", origin.frames > 1),
            ("gray, as three equal channels", origin.is_gray and shape.channels == 3),
            ("in colour, turned gray", not origin.is_gray and shape.channels == 1),
        )
        if holds
    )
    notes += [f"{n} of {len(origins)} images {what}" for what, n in counted.items()]
    deep = [origin.brightest for origin in origins if origin.brightest is not None]
    if deep:
        dark = ": most detail is lost, stretch them before" if max(deep) < 65535 // 8 else ""
        notes.append(
            f"{len(deep)} images of 16 bits scaled from 0..65535 to 0..255; the brightest pixel is {max(deep)}{dark}"
        )
    return tuple(notes)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
