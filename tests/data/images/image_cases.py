"""Image files for the tests, made with Pillow and NumPy."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data.images.image_files import hash_images


def pixels(height=12, width=16, channels=3, seed=0):
    """Return smooth uint8 pixels (H, W, C), or (H, W) where there is one channel: JPEG keeps them nearly."""
    corners = np.random.default_rng(seed).integers(0, 256, (3, 3, channels), dtype=np.uint8)
    image = Image.fromarray(corners[..., 0] if channels == 1 else corners)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def encoded(image, kind="PNG", **options):
    """Return the bytes of an image file."""
    stream = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def write_files(top: Path, files):
    """Write files by name (bytes each) below ``top``."""
    for name, payload in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
    return str(top)


def write_zip(path: Path, files, folders=()):
    """Write files by name into a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            archive.mkdir(folder)
        for name, payload in files.items():
            archive.writestr(name, payload)
    return str(path)


def png_head(width, height):
    """Return a PNG that says it is so large and has next to no data."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def gray_png(n_bits, values_HW):
    """Return a gray PNG of 16-bit values, written by hand: Pillow has no say in what the file holds."""
    assert n_bits == 16
    height, width = values_HW.shape

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values_HW)
    head = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def class_folders(n=3, classes=("cat", "dog"), **shape):
    """Return PNG files by name, ``n`` per class folder."""
    return {
        f"{label}/{number}.png": encoded(pixels(seed=10 * place + number, **shape))
        for place, label in enumerate(classes)
        for number in range(n)
    }


def images_of(top: Path, files):
    """Write the files and return the record of them."""
    return hash_images(write_files(top, files), list(files))
