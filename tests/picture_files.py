"""Pictures of noise in one folder per class."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(top: Path, n_per_class: int, classes=("cat", "dog")) -> Path:
    """Write PNG files of 32 x 32 in colour."""
    random = np.random.default_rng(0)
    for label in classes:
        (top / label).mkdir(parents=True)
        for number in range(n_per_class):
            pixels_HWC = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels_HWC).save(top / label / f"{number}.png")
    return top
