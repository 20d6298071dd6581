"""From the bytes of an image file to upright 8-bit pixels, in gray or colour."""

import io
import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError, shown

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
GRAY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N")
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
ORIENTATION = 0x0112  # EXIF's tag
WHITE = 255  # what shows through transparent pixels
BROKEN = (
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
RESIZE = ("squash", "crop", "pad")


@dataclass(frozen=True)
class Origin:
    """What a file held before it was turned into 8-bit gray or RGB.

    Attributes:
        size: (height, width), upright.
        is_gray: one channel.
        is_rotated: EXIF said that it has to be turned.
        is_transparent: it has an alpha channel or a transparent colour.
        frames: images in the file.
        brightest: the largest value of 16-bit pixels, or None where there are 8 bits.
    """

    size: tuple[int, int]
    is_gray: bool
    is_rotated: bool
    is_transparent: bool
    frames: int
    brightest: int | None


def decode(payload: bytes) -> tuple["Image.Image", Origin]:
    """Decode the first frame of an image file: upright, mode L or RGB, 8 bits per channel.

    16-bit gray is scaled from 0..65535 to 0..255; transparent pixels are shown on white.

    Raises:
        DataError: not an image, damaged or too large; says what, not which file.
    """
    from PIL import Image, ImageOps

    with _in_words(payload), Image.open(io.BytesIO(payload), formats=FORMATS) as image:
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a JPEG and its previews
        turned = image.getexif().get(ORIENTATION, 1)
        image.load()
        upright = ImageOps.exif_transpose(image)
        has_alpha = upright.has_transparency_data
        is_gray = upright.mode in GRAY
        plain, brightest = _eight_bit(upright, has_alpha)
    size = (plain.height, plain.width)
    return plain, Origin(size, is_gray, turned in range(2, 9), has_alpha, frames, brightest)


def look(payload: bytes) -> Origin:
    """Read the head of an image file alone: nothing is decoded, so ``brightest`` is None.

    Raises:
        DataError: not an image, or too large.
    """
    from PIL import Image

    with _in_words(payload), Image.open(io.BytesIO(payload), formats=FORMATS) as image:
        turned = image.getexif().get(ORIENTATION, 1)
        lies = turned in range(5, 9) and image.format != "TIFF"  # Pillow gives a TIFF's size as it will stand
        width, height = image.size[::-1] if lies else image.size
        return Origin((height, width), image.mode in GRAY, turned in range(2, 9), False, 1, None)


def brought_to(image: "Image.Image", size: tuple[int, int], channels: int, resize: str) -> NDArray[np.uint8]:
    """Return uint8 pixels (C, H, W) of an image at ``size``: bilinear, antialiased, as torchvision resizes PIL images.

    Args:
        image: mode L or RGB.
        size: (H, W).
        channels: 1 (gray) or 3 (RGB).
        resize: squash = to the size whatever the shape; crop = fill it, the middle is kept; pad = fit inside, black
            around it.
    """
    from PIL import Image, ImageOps

    image = image.convert("L" if channels == 1 else "RGB")
    height, width = size
    if image.size != (width, height):
        bilinear = Image.Resampling.BILINEAR
        if resize == "squash":
            image = image.resize((width, height), bilinear)
        elif resize == "crop":
            image = ImageOps.fit(image, (width, height), bilinear)
        else:
            image = ImageOps.pad(_no_side_lost(image, width, height), (width, height), bilinear)
    pixels = np.asarray(image, dtype=np.uint8)
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


def _no_side_lost(image: "Image.Image", width: int, height: int) -> "Image.Image":
    """Return the image; so long a one that Pillow would fit inside with 0 pixels across is brought to 1 across."""
    from PIL import Image

    if round(image.height / image.width * width) == 0:
        return image.resize((width, 1), Image.Resampling.BILINEAR)
    if round(image.width / image.height * height) == 0:
        return image.resize((1, height), Image.Resampling.BILINEAR)
    return image


def check_resize(resize: str) -> None:
    """Raise ConfigError where ``resize`` is no way of resizing."""
    if resize not in RESIZE:
        raise ConfigError(f"data.preprocess.resize={resize}: give one of {', '.join(RESIZE)}")


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Keep Pillow's warnings off the screen; what matters of them is in ``Origin``. Not for use inside threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _eight_bit(image: "Image.Image", has_alpha: bool) -> tuple["Image.Image", int | None]:
    from PIL import Image

    if image.mode in SIXTEEN_BIT:
        values = np.asarray(image).astype(np.uint32)
        scaled = ((values * 255 + 32767) // 65535).astype(np.uint8)
        return Image.fromarray(scaled), int(values.max())
    if image.mode in ("I", "F"):
        kind = "32-bit whole" if image.mode == "I" else "floating point"
        raise DataError(f"its pixels are {kind} numbers of unknown range: save it with 8 or 16 bits per channel")
    is_gray = image.mode in GRAY
    if has_alpha:
        layers = image.convert("RGBA")
        ground = Image.new("RGBA", layers.size, (WHITE, WHITE, WHITE, 255))
        image = Image.alpha_composite(ground, layers).convert("RGB")
    return image.convert("L" if is_gray else "RGB"), None


@contextmanager
def _in_words(payload: bytes) -> Generator[None, None, None]:
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError as problem:
        raise DataError(f"not a {', '.join(FORMATS)} image: it begins with {shown(repr(payload[:16]))}") from problem
    except Image.DecompressionBombError as problem:
        most = (Image.MAX_IMAGE_PIXELS or 0) * 2 // 1_000_000
        raise DataError(f"more than {most} million pixels: scale it down before") from problem
    except BROKEN as problem:
        raise DataError(f"damaged or cut off ({shown(str(problem))})") from problem
