"""What pictures look like, made small: a perceptual hash, a thumbnail and its colours, once per file."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.decoding import BROKEN, decode, quiet
from trainer.data.images.image_files import read_bytes
from trainer.data.samples import Images
from trainer.errors import DataError, shown
from trainer.system.thread_map import threaded

if TYPE_CHECKING:
    from PIL import Image

SIDE, COLOUR_SIDE = 16, 8  # pixels of the thumbnails
LEAST_SIDE = 64  # pixels a JPEG is decoded to at least: much faster than all of them

Look = tuple[bytes, int, NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class ImageHash:
    """What each of U files looks like.

    Attributes:
        pixels: a digest of the decoded pixels: equal where the pictures are.
        hashes_U: the 64-bit perceptual hash (``imagehash.phash``).
        grey_USS: (U, 16, 16) thumbnails, 0 to 255.
        colour_UC: (U, 8 * 8 * 2) Cb and Cr of a smaller one, 0 to 255.
    """

    pixels: tuple[bytes, ...]
    hashes_U: NDArray[np.uint64]
    grey_USS: NDArray[np.uint8]
    colour_UC: NDArray[np.uint8]


@lru_cache(maxsize=2)
def look_at(images: Images) -> ImageHash:
    """Decode every file once, in threads where that is faster; large JPEG files at reduced size.

    Raises:
        DataError: a file is not there or cannot be decoded; names it.
    """
    with quiet():
        seen = list(threaded(partial(_look, images.root), images.names))
    return ImageHash(
        tuple(look[0] for look in seen),
        np.array([look[1] for look in seen], dtype=np.uint64),
        np.stack([look[2] for look in seen]),
        np.stack([look[3] for look in seen]),
    )


def take(images: Images, rows: Sequence[int] | NDArray[np.int64]) -> Images:
    """Return these rows only."""
    return Images(images.root, tuple(images.names[row] for row in rows), tuple(images.sha256[row] for row in rows))


def _look(root: str, name: str) -> Look:
    from imagehash import phash
    from PIL import Image

    try:
        picture = _decoded(read_bytes(root, name))
    except DataError as problem:
        advice = "repair this file or take it out of the data"
        raise DataError(f"{shown(f'{root}/{name}', 160)}: {problem}\n{advice}") from problem
    grey = picture.convert("L")
    small = picture.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX).convert("YCbCr")
    bits = np.packbits(phash(grey).hash.ravel())
    return (
        hashlib.blake2b(repr(picture.size).encode() + picture.tobytes(), digest_size=16).digest(),
        int.from_bytes(bits.tobytes(), "big"),
        np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX)),
        np.asarray(small)[..., 1:].ravel(),
    )


def _decoded(payload: bytes) -> "Image.Image":
    """Return an upright RGB picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(payload), formats=["JPEG"]) as picture:
            picture.draft("RGB", (LEAST_SIDE, LEAST_SIDE))
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (*BROKEN, Image.DecompressionBombError):  # another format, or damaged: said in words
        return decode(payload)[0].convert("RGB")
