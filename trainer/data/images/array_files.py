"""Which arrays of which files hold images and their labels: train, val and test of MedMNIST, Keras, MNIST and CIFAR."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data.images.pixel_arrays import CIFAR_LABELS, CIFAR_PIXELS, array_names
from trainer.errors import ConfigError, DataError, did_you_mean, shown

WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "t10k": "test",
}
NPZ = ("{}_images", "{}_labels"), ("{}_x", "{}_y"), ("x_{}", "y_{}"), ("X_{}", "y_{}")
NPZ_ALONE = ("images", "labels"), ("x", "y"), ("X", "y"), ("data", "labels")
IDX = re.compile(r"(?P<before>.*)images(?P<middle>[-._]?)idx3(?P<after>[-._]ubyte(?:\.gz)?)")
CIFAR = re.compile(r"(?P<part>data|train|test)(?:_batch(?:_\d+)?)?\.bin")
CIFAR_PICKLE = re.compile(r"data_batch_\d+|test_batch")
CIFAR_NAMES = {"label": "batches.meta.txt", "coarse": "coarse_label_names.txt", "fine": "fine_label_names.txt"}


@dataclass(frozen=True)
class ArrayPart:
    """Images of one part of a data set.

    Attributes:
        part: train, val, test, or "" where there are no parts.
        images: file and key of the array.
        labels: likewise.
    """

    part: str
    images: tuple[Path, str]
    labels: tuple[Path, str]


def named_as_arrays(path: Path) -> bool:
    """Return whether a file, or one in a directory, is called as files with arrays of images are."""
    if path.suffix.lower() == ".npz" and path.is_file():
        return True
    names = [file.name for file in path.iterdir()] if path.is_dir() else [path.name]
    return any(form.fullmatch(name) for name in names for form in (CIFAR, IDX, CIFAR_PICKLE))


def find_arrays(path: Path, label: str | None) -> tuple[list[ArrayPart], Path | None]:
    """Return the arrays, in the order of parts and files, and the file with the names of the classes, if any.

    Args:
        path: an .npz file, an IDX file of images, a binary batch of CIFAR, or a directory of IDX files or batches.
        label: of CIFAR-100 ``fine`` or ``coarse``; None of all others.

    Raises:
        DataError: there are no such arrays.
        ConfigError: ``label`` does not fit.
    """
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror})") from problem
    found = [file for file in files if CIFAR.fullmatch(file.name)]
    if found:
        return _cifar(found, label, path)
    if label is not None:
        raise ConfigError(f"data.label={label} has no effect on {path}: it has one kind of labels; leave it out")
    if path.suffix.lower() == ".npz" and path.is_file():
        return _npz(path), None
    idx = [part for file in files if (part := _idx(file))]
    if idx:
        return sorted(idx, key=lambda part: part.part != "train"), None
    pickled = [file.name for file in files if CIFAR_PICKLE.fullmatch(file.name)]
    if pickled:
        raise DataError(
            f"{path}: batches that Python has pickled ({pickled[0]}), which are never loaded, since that could run any "
            "code: download the binary version (cifar-10-binary.tar.gz, cifar-100-binary.tar.gz)"
        )
    have = shown(", ".join(file.name for file in files), 100)
    raise DataError(
        f"{path}: no arrays of images: give an .npz file, IDX files (train-images-idx3-ubyte, ...) or binary batches "
        f"of CIFAR (data_batch_1.bin, ...); there is: {have}"
    )


def _npz(file: Path) -> list[ArrayPart]:
    names = array_names(file)
    parts = [
        ArrayPart(part, (file, images.format(word)), (file, labels.format(word)))
        for word, part in WORDS.items()
        for images, labels in NPZ
        if images.format(word) in names and labels.format(word) in names
    ]
    alone = [
        ArrayPart("", (file, images), (file, labels)) for images, labels in NPZ_ALONE if {images, labels} <= set(names)
    ]
    if not parts and not alone:
        raise DataError(
            f"{file}: no arrays of images and labels by name: call them images and labels, or train_images, "
            f"train_labels, test_images, ...\nhave: {shown(', '.join(names), 200)}"
        )
    return parts or alone[:1]


def _idx(file: Path) -> ArrayPart | None:
    match = IDX.fullmatch(file.name)
    if match is None:
        return None
    labels = file.with_name(f"{match['before']}labels{match['middle']}idx1{match['after']}")
    if not labels.is_file():
        raise DataError(f"{file}: no {labels.name} beside it: the labels of its images")
    words = [part for word, part in WORDS.items() if word in re.split(r"[-._]", match["before"].lower())]
    return ArrayPart(words[0] if words else "", (file, "images"), (labels, "labels"))


def _cifar(files: Sequence[Path], label: str | None, path: Path) -> tuple[list[ArrayPart], Path | None]:
    keys = CIFAR_LABELS[1 if files[0].stat().st_size % (1 + CIFAR_PIXELS) == 0 else 2]
    key = label or keys[-1]
    if key not in keys or (label is not None and len(keys) == 1):
        hint = did_you_mean(str(label), keys) if len(keys) > 1 else " has no effect: CIFAR-10 has one kind of labels"
        raise ConfigError(f"data.label={label}{hint}")
    parts = [
        ArrayPart("test" if file.name.startswith("test") else "train", (file, "images"), (file, key)) for file in files
    ]
    names = files[0].with_name(CIFAR_NAMES[key])
    return sorted(parts, key=lambda part: part.part == "test"), names if names.is_file() else None
