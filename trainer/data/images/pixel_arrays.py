"""Images in arrays of bytes: .npz of NumPy, IDX (MNIST), binary batches of CIFAR; one is also given as a bitmap file.

An image is called FILE/KEY[ROW] below the directory of its file, so whatever reads image files reads it too. Nothing
pickled is ever loaded.
"""

import gzip
import io
import re
import threading
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError, shown

PLACE = re.compile(r"(?P<file>[^/]+)/(?P<key>[^/\[]+)\[(?P<row>\d+)\]")
IDX_IMAGES, IDX_LABELS = 0x803, 0x801  # magic numbers: unsigned bytes in three dimensions, and in one
CIFAR_SIDE = 32
CIFAR_PIXELS = 3 * CIFAR_SIDE**2
CIFAR_LABELS = {1: ("label",), 2: ("coarse", "fine")}  # bytes before the pixels of CIFAR-10 and of CIFAR-100
UNREADABLE = (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile)
LOADING = threading.Lock()


def pixels_at(root: str, name: str) -> NDArray[np.uint8] | None:
    """Return the pixels (H, W) or (H, W, 3) of one image; None where ``name`` is not the place of one in an array.

    Raises:
        DataError: the file is damaged, or has not so many rows.
    """
    match = PLACE.fullmatch(name) if name.endswith("]") else None
    if match is None or not Path(root, match["file"]).is_file():
        return None
    images = load_array(Path(root, match["file"]), match["key"])
    if int(match["row"]) >= len(images):
        raise DataError(f"the array has {len(images)} rows")
    return np.ascontiguousarray(images[int(match["row"])])


def bitmap_at(root: str, name: str) -> bytes | None:
    """Return the same as the bytes of a bitmap file (BMP), for what reads image files."""
    pixels = pixels_at(root, name)
    if pixels is None:
        return None
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "BMP")
    return stream.getvalue()


def load_array(file: Path, key: str) -> NDArray[Any]:
    """Return an array of a file, kept in memory for the next call; of images (N, H, W) or (N, H, W, 3).

    Args:
        file: .npz, IDX (gzip too) or a binary batch of CIFAR.
        key: of an .npz the name of the array; of CIFAR ``images``, ``label``, ``coarse`` or ``fine``; of IDX any.

    Raises:
        DataError: it is damaged or not such a file.
    """
    with LOADING:  # threads that all want one array shall not read it once each
        return _load(str(file), key, file.stat().st_mtime_ns)


def forget_arrays() -> None:
    """Let go of the arrays that are kept in memory."""
    _load.cache_clear()


@lru_cache(maxsize=8)
def _load(file: str, key: str, changed_ns: int) -> NDArray[Any]:
    path = Path(file)
    try:
        if path.suffix.lower() == ".npz":
            return _as_images(_of_npz(path, key), path, key)
        return _of_cifar(path, key) if path.suffix.lower() == ".bin" else _of_idx(path)
    except UNREADABLE as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{path}: cannot be read ({shown(str(problem), 120)})") from problem


def array_names(file: Path) -> list[str]:
    """Return the names of the arrays in an .npz file, none of which is loaded.

    Raises:
        DataError: it is none.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except UNREADABLE as problem:
        raise DataError(f"{file}: no .npz file of NumPy ({shown(str(problem), 120)})") from problem


def _of_npz(file: Path, key: str) -> NDArray[Any]:
    with np.load(file, allow_pickle=False) as arrays:
        try:
            array: NDArray[Any] = arrays[key]
        except ValueError as problem:
            if "pickle" not in str(problem):
                raise
            raise DataError(
                f"{file}: '{key}' holds Python objects, which are never loaded, since that could run any code: where "
                f"you trust the file, save it again by np.savez(FILE, {key}=np.stack(old['{key}']))"
            ) from problem
    return array


def _as_images(array: NDArray[Any], file: Path, key: str) -> NDArray[Any]:
    """Return images with channels last, one channel as none; labels as they are."""
    if array.ndim < 3:
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = np.moveaxis(array, 1, 3)
    array = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3) or 0 in array.shape:
        raise DataError(
            f"{file}: '{key}' has the shape {array.shape}: images are (N, H, W), (N, H, W, 1) or (N, H, W, 3)"
        )
    if array.dtype != np.uint8:
        raise DataError(
            f"{file}: '{key}' is {array.dtype} from {array.min():g} to {array.max():g}: images are whole numbers of 0 "
            "to 255 (uint8); save them so"
        )
    return array


def _of_idx(file: Path) -> NDArray[np.uint8]:
    """Return what an IDX file holds: images (N, H, W) or labels (N,)."""
    with gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb") as stream:
        magic = int.from_bytes(stream.read(4), "big")
        if magic not in (IDX_IMAGES, IDX_LABELS):
            raise DataError(f"{file}: no IDX file of unsigned bytes, in one or three dimensions")
        shape = tuple(int.from_bytes(stream.read(4), "big") for _ in range(magic & 0xFF))
        content = _exactly(stream, int(np.prod(shape, dtype=object)), file)
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _exactly(stream: Any, n_bytes: int, file: Path) -> bytes:
    content: bytes = stream.read(n_bytes + 1)
    if len(content) != n_bytes:
        have = f"{len(content)} bytes" if len(content) < n_bytes else "more"
        raise DataError(f"{file}: should have {n_bytes} bytes of values, and has {have}: copy or download it again")
    return content


def _of_cifar(file: Path, key: str) -> NDArray[np.uint8]:
    """Return the images (N, 32, 32, 3) or labels (N,) of a binary batch: labels, then a red, green and blue plane."""
    content = np.fromfile(file, dtype=np.uint8)
    n_labels = next((n for n in CIFAR_LABELS if len(content) and len(content) % (n + CIFAR_PIXELS) == 0), None)
    if n_labels is None:
        raise DataError(
            f"{file}: no binary batch of CIFAR, {len(content)} bytes are no whole images: download it again"
        )
    rows = content.reshape(-1, n_labels + CIFAR_PIXELS)
    if key != "images":
        return rows[:, CIFAR_LABELS[n_labels].index(key)]
    return rows[:, n_labels:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE).transpose(0, 2, 3, 1)
