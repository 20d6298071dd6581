"""Pictures for the audit's tests, made with numpy and Pillow."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from trainer.data.samples import Images, Samples


def photo(seed: int, size: int = 120) -> Image.Image:
    """Return coloured clouds with detail at several scales, like a photograph."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size, 3))
    for cells, strength in ((4, 60), (12, 40), (40, 20)):
        noise = random.normal(0, 1, (cells, cells, 3)) + random.normal(0, 1.5, (cells, cells, 1))
        layers = [Image.fromarray(noise[..., place].astype(np.float32)) for place in range(3)]
        large = [np.asarray(layer.resize((size, size), Image.Resampling.BICUBIC)) for layer in layers]
        total += strength * np.stack(large, axis=-1)
    return Image.fromarray(np.clip(128 + total, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int = 60) -> Image.Image:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue()))


def digit(value: int, colour: tuple[int, int, int], size: int = 96) -> Image.Image:
    picture = Image.new("RGB", (size, size), colour)
    ImageDraw.Draw(picture).text((size // 3, size // 5), str(value), fill=(0, 0, 0), font_size=size // 2)
    return picture


def written(root: Path, pictures: dict[str, Image.Image]) -> Images:
    """Save each picture in the format of its name."""
    for name, picture in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(root / name)
    return listed(root, list(pictures))


def listed(root: Path, names: Sequence[str]) -> Images:
    return Images(
        str(root), tuple(names), tuple(hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names)
    )


def samples_of(images: Images, target: Sequence[int] | None = None) -> Samples:
    n_rows = len(images.names)
    given = np.arange(n_rows) % 2 if target is None else np.array(target, dtype=np.int64)
    return Samples(np.array(images.names), images, given)
