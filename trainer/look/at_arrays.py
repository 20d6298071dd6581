"""Look at images in arrays: .npz files, IDX files, batches of CIFAR."""

import shlex
from pathlib import Path

from trainer.config.help import INSTALLED_DOOR
from trainer.config.overrides import command, written
from trainer.data.images.array_files import find_arrays
from trainer.data.images.pixel_arrays import load_array
from trainer.data.sources.image_arrays import read_array_labels
from trainer.errors import FoldwiseError
from trainer.look.answer import Candidate, Look, Refusal
from trainer.look.few_rows import balance
from trainer.look.loading_plan import MODELS

NEVER_LOADED = "never loaded"


def look_at_arrays(path: Path, name: str) -> Look | None:
    """Say what images are in arrays and which command to begin with; None where there are no such arrays.

    Args:
        path: of a file or a directory.
        name: of it as it was given, in commands.
    """
    try:
        found, names_file = find_arrays(path, None)
    except FoldwiseError as problem:
        if NEVER_LOADED not in str(problem):
            return None
        return Look(name, "images that Python has pickled", refusals=_refusal(problem, path, name))
    try:
        labels = read_array_labels([load_array(*array.labels) for array in found], names_file, str(path))
        images = load_array(*found[0].images)
    except FoldwiseError as problem:
        return Look(name, "arrays of images", refusals=_refusal(problem, path, name), advice="mend what is refused")
    if images.ndim not in (3, 4):
        said = "arrays are trained on from Python: fw.cross_validate((X, y))"
        shape = " x ".join(map(str, images.shape))
        return Look(name, f"arrays without images ({found[0].images[1]}: {shape})", advice=said)
    parts = [part for part in dict.fromkeys(array.part for array in found) if part]
    items = ["data=image_arrays", f"data.path={written(name)}", f"model={MODELS['image_folder']}"]
    items += ["data.split=true", "cv=predefined"] if len(parts) > 1 else []
    items += [] if labels.task.one_class_each else ["loss=bce"]
    items += ["cv=multilabel"] if labels.task.several_labels and len(parts) < 2 else []
    colour = "gray" if images.ndim == 3 else "colour"
    return Look(
        name,
        "arrays of images",
        n_rows=len(labels.target),
        task=labels.task.name,
        balance=balance(labels.task, labels.target[~labels.left_out_N], labels.classes),
        facts=(f"{images.shape[1]} x {images.shape[2]} (height x width), {colour}",),
        candidates={"split": (Candidate("parts", ", ".join(parts)),)} if len(parts) > 1 else {},
        notes=labels.notes,
        train=command(INSTALLED_DOOR, items),
        audit=f"foldwise audit {shlex.quote(name)}",
    )


def _refusal(problem: FoldwiseError, path: Path, name: str) -> tuple[Refusal, ...]:
    return (Refusal(str(problem).replace(str(path), shlex.quote(name))),)
