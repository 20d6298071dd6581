"""Images in arrays: MedMNIST and other .npz files, MNIST's IDX files, CIFAR's binary batches."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.encoded_labels import Labels
from trainer.data.columns.labels import read_labels
from trainer.data.columns.options import ClassName
from trainer.data.columns.reading import IMAGE_FOLDER
from trainer.data.images.array_files import ArrayPart, find_arrays
from trainer.data.images.image_files import hash_images
from trainer.data.images.pixel_arrays import load_array
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.excluded import without_excluded
from trainer.errors import ConfigError, DataError
from trainer.system.paths import PathText, path_problem


def load_image_arrays(
    path: PathText,
    *,
    parts: Sequence[str] | None = None,
    split: bool = False,
    label: str | None = None,
    task: str | None = None,
    missing_labels: Sequence[str | int] = (),
    positive: ClassName = None,
    exclude: PathText | None = None,
) -> tuple[Samples, DataSpec]:
    """Load images and labels from arrays; one argument per line of conf/data/image_arrays.yaml.

    Where there are train, val and test arrays, ``parts`` or ``split`` must say what becomes of them: rows held apart
    by others are not mixed unasked.

    Args:
        path: an .npz file, an IDX file of images, a binary batch of CIFAR, or a directory of IDX files or batches.
        parts: of train, val, test: those to read; None = all.
        split: train, val and test are the folds of ``cv=predefined``.
        label: of CIFAR-100, fine or coarse.
        task: binary, multiclass or multilabel; None = by the labels.
        missing_labels: labels that mean "no label"; their images are left out.
        positive: the positive one of two classes; None = by their names, else the rarer one.
        exclude: file with the ids of images to leave out; None = none.

    Raises:
        DataError: files are damaged or hold no such arrays; names them.
        ConfigError: the options do not fit what is there.
    """
    place = Path(path)
    if path_problem(path) or not place.exists():
        raise DataError(f"{path}: {path_problem(path) or 'no such file or directory'}")
    found, names_file = find_arrays(place, label)
    chosen = _chosen(found, parts, split, path)
    rows = [_rows_of(array) for array in chosen]
    of_part = [array.part for array, (names, _) in zip(chosen, rows, strict=True) for _ in names]
    options: dict[str, Any] = {"missing": missing_labels, "positive": positive, "task": task}
    labels = read_array_labels([labels_N for _, labels_N in rows], names_file, path, **options)
    root = str(place if place.is_dir() else place.parent)
    samples = Samples(
        ids_N=_ids(of_part),
        inputs=hash_images(root, [name for names, _ in rows for name in names]),
        target=labels.target,
        split_N=np.array(of_part, dtype=np.str_) if split else None,
    )
    counts = ", ".join(f"{part} {count}" for part, count in Counter(of_part).items() if part)
    notes = (*labels.notes, *((f"images by part: {counts}",) if counts else ()))
    reading = {"kind": IMAGE_FOLDER, "spellings": "refuse", "missing_labels": list(missing_labels)}
    spec = DataSpec(place.resolve().stem, labels.task, labels.classes, notes, labels.positive_because, reading)
    return without_excluded(samples.only(~labels.left_out_N), spec, exclude)


def _rows_of(array: ArrayPart) -> tuple[list[str], NDArray[Any]]:
    """Return the name of each image, by which it is read, and the labels."""
    file, key = array.images
    images, labels_N = load_array(file, key), load_array(*array.labels)
    if images.ndim < 3 or not labels_N.ndim:
        raise DataError(
            f"{file}: images of the shape {images.shape}, labels {labels_N.shape}: images are (N, H, W) or "
            "(N, H, W, 3), labels (N,) or (N, 1), or (N, L) of 0/1"
        )
    if len(images) != len(labels_N):
        raise DataError(f"{array.labels[0]}: {len(labels_N)} labels for {len(images)} images of {file.name}")
    return [f"{file.name}/{key}[{row}]" for row in range(len(images))], labels_N


def _ids(of_part: Sequence[str]) -> NDArray[np.str_]:
    """Return train/0, train/1, ..., counted over all files of a part; without parts 0, 1, ..."""
    counts: Counter[str] = Counter()
    ids = []
    for part in of_part:
        ids.append(f"{part}/{counts[part]}" if part else str(counts[part]))
        counts[part] += 1
    return np.array(ids, dtype=np.str_)


def _chosen(found: Sequence[ArrayPart], parts: Sequence[str] | None, split: bool, path: str) -> list[ArrayPart]:
    have = list(dict.fromkeys(array.part for array in found))
    if have == [""] or len(have) == 1:
        if split or (parts is not None and list(parts) != have):
            option = "data.split=true" if split else f"data.parts={list(parts or ())}"
            raise ConfigError(f"{option}: {path} has no parts train, val and test")
        return list(found)
    if parts is None and not split:
        raise ConfigError(
            f"{path} is split into {', '.join(have)}: say what that is for\n"
            "to train and score on just this split: data.split=true cv=predefined\n"
            f"to mix them and make folds of all: data.parts=[{','.join(have)}]"
        )
    missing = [part for part in parts or () if part not in have]
    if missing or (parts is not None and not list(parts)):
        raise ConfigError(f"data.parts={list(parts or ())}: {path} has no such part; have: {', '.join(have)}")
    return [array for array in found if parts is None or array.part in parts]


def read_array_labels(targets: Sequence[NDArray[Any]], names_file: Path | None, path: str, **options: Any) -> Labels:
    """Return the labels of all parts: numbers, or the names that a file has for them; (N, L) of 0/1 is multi-label.

    Args:
        targets: of each part.
        names_file: with the names of the classes, or None.
        path: of the data, in messages.
        **options: of ``read_labels``.

    Raises:
        DataError: they are no labels, or the file has fewer names.
    """
    classes = _class_names(names_file)
    try:
        values = np.concatenate(targets)
    except ValueError as problem:
        raise DataError(
            f"{path}: labels of several shapes ({', '.join(str(part.shape) for part in targets)})"
        ) from problem
    if values.ndim == 2 and values.shape[1] > 1:
        names = [str(place) for place in range(values.shape[1])]
        table = pa.table({name: values[:, place] for name, place in zip(names, range(len(names)), strict=True)})
        return read_labels(table, names, path, **options)
    values = values.reshape(len(values), -1)
    if values.shape[1] != 1 or values.dtype.kind not in "iubUS":
        raise DataError(
            f"{path}: labels of the kind {values.dtype} and shape {values.shape}: give one number per image"
        )
    codes_N = values[:, 0]
    if not classes:
        words = codes_N.astype(np.str_).tolist()
    elif int(codes_N.max()) < len(classes):
        words = [classes[code] for code in codes_N.tolist()]
    else:
        raise DataError(f"{path}: there is class {codes_N.max()}, and names for {len(classes)} classes")
    return read_labels(pa.table({"labels": words}), ["labels"], path, **options)


def _class_names(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as problem:
        raise DataError(f"{file}: the names of the classes cannot be read ({problem})") from problem
