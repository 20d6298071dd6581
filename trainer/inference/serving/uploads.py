"""Images that come as bytes, put under names of this server's own where what reads images finds them."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trainer.data.images.decoding import look, quiet
from trainer.errors import DataError, shown
from trainer.inference.serving.refused import RequestError

OWN_NAME = re.compile(r"(?:row \d+, )?(?:\S*/)?(\d{6})\.png\b")
Upload = tuple[str, bytes]  # what the sender calls an image, and its content


@contextmanager
def image_directory(uploads: Sequence[Upload], most_pixels: int) -> Iterator[str]:
    """Yield a directory of its own with the images, which is deleted in the end.

    What a sender calls an image is said in messages and opens nothing.

    Raises:
        DataError: one is no image, here or while the directory is read; says which.
        RequestError: one has too many pixels; it is not decoded.
    """
    names = [shown(name, 60) or f"image {number}" for number, (name, _) in enumerate(uploads, start=1)]
    with tempfile.TemporaryDirectory(prefix="foldwise-serve-") as folder:
        for number, (name, (_, payload)) in enumerate(zip(names, uploads, strict=True)):
            _check_head(name, payload, most_pixels)
            Path(folder, f"{number:06}.png").write_bytes(payload)  # the ending says nothing: the content is looked at
        try:
            yield folder
        except DataError as problem:
            raise DataError(OWN_NAME.sub(lambda own: f"'{names[int(own[1])]}'", str(problem))) from problem


def _check_head(name: str, payload: bytes, most_pixels: int) -> None:
    if not payload:
        raise DataError(f"'{name}': the image is empty (0 bytes)")
    try:
        with quiet():
            height, width = look(payload).size
    except DataError as problem:
        raise DataError(f"'{name}': {problem}") from problem
    if height * width > most_pixels:
        raise RequestError(
            413, f"'{name}' has {height} x {width} pixels, at most {most_pixels} are taken: scale it down"
        )
