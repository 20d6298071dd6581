"""Images in one folder per class, in a directory or a zip file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.encoded_labels import Labels
from trainer.data.columns.labels import encode_labels
from trainer.data.columns.options import ClassName
from trainer.data.columns.reading import IMAGE_FOLDER
from trainer.data.images.image_files import Listing, hash_images, list_files
from trainer.data.images.image_names import ENDINGS, is_image_name
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.excluded import without_excluded
from trainer.data.sources.part_folders import is_part, part_folders, single_top
from trainer.errors import ConfigError, DataError, shown
from trainer.system.part_words import HELD_OUT_WORDS, SHOWN_WORDS, TRAIN_WORDS, part_word
from trainer.system.paths import PathText
from trainer.tasks import TASKS

MOST_NAMED = 5  # files in a note
ONE_CLASS = [name for name, task in TASKS.items() if task.one_class_each]  # what folders can say


@dataclass(frozen=True)
class Place:
    """Where an image lies.

    Attributes:
        name: of the file, below the directory or in the zip.
        part: the train, val or test folder (or one next to them) it is in, or "".
        label: the folder of its class, or "" where it lies next to the class folders.
        within: the folder below that one, or "".
    """

    name: str
    part: str
    label: str
    within: str


def load_image_folder(
    path: PathText,
    *,
    folders: Sequence[str] | None = None,
    split: bool = False,
    group: str | None = None,
    task: str | None = None,
    spellings: str = "refuse",
    missing_labels: Sequence[str | int] = (),
    positive: ClassName = None,
    class_order: Sequence[str | int | float] = (),
    exclude: PathText | None = None,
    zip_encoding: str | None = None,
) -> tuple[Samples, DataSpec]:
    """Load images whose class is the folder they are in; one argument per line of conf/data/image_folder.yaml.

    Where the top holds only folders called train, val, test and the like, the classes are the folders in them, and
    ``folders`` or ``split`` must say what becomes of them: rows held apart by others are not mixed unasked. Other
    folders next to them are read only where ``folders`` names them.

    Args:
        path: a directory or a zip file; a single folder in it is stepped into.
        folders: of train, val, test: those to read; None = all.
        split: the train, val and test folders are the folds of ``cv=predefined``.
        group: ``folder``: images of one folder below the class folders, of whatever class, belong together.
        task: binary or multiclass; None = by the number of classes.
        spellings: of one class in two writings: ``refuse``, ``join`` or ``apart``.
        missing_labels: class folders that mean "no label"; their images are left out.
        positive: the positive one of two classes; None = by their names, else the rarer one.
        class_order: all classes, the lowest first; empty = numbers by value, others by text.
        exclude: file with the ids of images to leave out; None = none.
        zip_encoding: of the names in a zip file that do not say theirs; None = guess.

    Raises:
        DataError: there are no classes, or files cannot be read; names them.
        ConfigError: the options do not fit what is there.
    """
    if task is not None and task not in ONE_CLASS:
        raise ConfigError(f"data.task={task}: folders give {' or '.join(ONE_CLASS)}; several labels: data=image_csv")
    if group not in (None, "folder"):
        raise ConfigError(f"data.group={group}: folders have only data.group=folder; for a column use data=image_csv")
    options: dict[str, Any] = {"spellings": spellings, "missing": missing_labels}
    options |= {"positive": positive, "class_order": class_order}
    found = find_classes(list_files(path, zip_encoding), folders=folders, split=split, **options)
    root, labels, inside = found.listing.root, found.labels, found.inside
    if not labels.task.fits(task):
        raise DataError(f"{root}: data.task={task}, but there are {len(labels.classes)} class folders")
    samples = Samples(
        ids_N=np.array([place.name[len(found.top) :] for place in inside], dtype=np.str_),
        inputs=hash_images(root, [place.name for place in inside]),
        target=labels.target,
        groups_N=_groups(inside, root) if group else None,
        split_N=_split_column(inside, root) if split else None,
    )
    notes = found.notes if group else (*found.notes, *_within_note(inside))
    samples = samples.only(~labels.left_out_N)
    task_named = TASKS[task] if task else labels.task
    reading = {"kind": IMAGE_FOLDER, "spellings": spellings, "missing_labels": list(missing_labels)}
    name = Path(root).resolve().stem
    spec = DataSpec(name, task_named, labels.classes, notes, labels.positive_because, reading)
    return without_excluded(samples, spec, exclude)


@dataclass(frozen=True)
class FoundImages:
    """The images of a folder and their classes, before any of them is read.

    Attributes:
        listing: of the folder or zip file.
        top: the folders, ending in ``/``, that hold all images.
        inside: where the N images lie that are read.
        labels: of them.
        notes: on what was found.
    """

    listing: Listing
    top: str
    inside: tuple[Place, ...]
    labels: Labels
    notes: tuple[str, ...]


def find_classes(
    listing: Listing, *, folders: Sequence[str] | None = None, split: bool = False, **options: Any
) -> FoundImages:
    """Tell the class of each image by the folder it is in; no image is read.

    Args:
        listing: of the folder or zip file.
        folders: of train, val, test: those to read; None = all.
        split: the train, val and test folders are the folds.
        **options: on labels, as for ``encode_labels``.

    Raises:
        DataError: there are no images, or no classes.
        ConfigError: the options do not fit what is there.
    """
    names = listing.images()
    if not names:
        raise DataError(f"{listing.root}: {_no_images(listing)}")
    top = single_top(names)
    parts = part_folders(names, top)
    _check_folders(folders, split, parts, listing.root)
    found = [_place(name, top, parts) for name in names]
    inside = [place for place in found if place.label and (folders is None or place.part in folders)]
    _require_classes(inside, listing.root)
    folders_N = pa.array([place.label for place in inside], pa.string())
    labels = encode_labels(folders_N, "the class folders", listing.root, sure=True, **options)
    notes = (*labels.notes, *listing.notes, *_notes(listing, top, parts, found, inside))
    return FoundImages(listing, top, tuple(inside), labels, notes)


def split_folders(path: str) -> list[str]:
    """Return the folders called train, val, test and the like, where they are the split and no classes."""
    names = list_files(path).images()
    return [part for part in part_folders(names, single_top(names)) if is_part(part)] if names else []


def _no_images(listing: Listing) -> str:
    if not listing.files:
        return "there are no files in it"
    endings = Counter(PurePosixPath(name).suffix.lower() or "none" for name in listing.files)
    have = ", ".join(f"{n} {ending}" for ending, n in endings.most_common(5))
    return f"no image files in it (endings read: {' '.join(ENDINGS)}); it holds {have}"


def _check_folders(folders: Sequence[str] | None, split: bool, parts: Sequence[str], root: str) -> None:
    others = [part for part in parts if not is_part(part)]
    if others and folders is None:
        raise ConfigError(_ask_which([part for part in parts if is_part(part)], others, root))
    if parts and folders is None and not split:
        raise ConfigError(
            f"{root} is split into {', '.join(parts)}: say what that is for\n"
            "to train and score on just this split: data.split=true cv=predefined\n"
            f"to mix them and make folds of all: data.folders=[{','.join(parts)}]"
        )
    missing = [folder for folder in folders or () if folder not in parts]
    if missing or folders == [] or (split and not parts):
        option = "data.split=true" if split and not parts else f"data.folders={list(folders or ())}"
        have = f"have: {', '.join(parts)}" if parts else "its top holds class folders, not train, val or test"
        raise ConfigError(f"{option}: {root} has no such split folders; {have}")
    neither = [folder for folder in others if split and folder in (folders or ())]
    if neither:
        raise ConfigError(
            f"data.split=true: '{neither[0]}' is neither train nor held out: leave it out of data.folders"
        )


def _ask_which(parts: Sequence[str], others: Sequence[str], root: str) -> str:
    listed = ", ".join(map(shown, others[:MOST_NAMED])) + (", ..." if len(others) > MOST_NAMED else "")
    option = f"data.folders=[{','.join(parts)}]"
    return (
        f"{root} is split into {', '.join(parts)}, with other folders next to them ({listed}): say which are read\n"
        f"to train and score on just this split: {option} data.split=true cv=predefined\n"
        f"to mix them and make folds of all: {option}, with the names of others that are read too\n"
        "or move the other folders away; if all of these are classes, rename those called like a split"
    )


def _place(name: str, top: str, parts: Sequence[str]) -> Place:
    folders = name[len(top) :].split("/")[:-1]
    part = folders.pop(0) if parts and folders else ""
    label, within, *_ = (*folders, "", "")
    return Place(name, part, label, within)


def _require_classes(inside: Sequence[Place], root: str) -> None:
    labels = sorted({place.label for place in inside})
    if len(labels) < 2:
        have = f"only '{shown(labels[0])}' has images" if labels else "the images lie in no sub-folder"
        raise DataError(
            f"{root}: {have}: a classifier needs at least two folders, one per class\n"
            "for a table that names the files and their labels use data=image_csv"
        )


def _groups(inside: Sequence[Place], root: str) -> NDArray[np.str_]:
    """Return the folder below the class folder that each image is in; an image in none is by itself."""
    if not any(place.within for place in inside):
        raise ConfigError(f"data.group=folder: {root} has no folders below the class folders: leave it out")
    return np.array([place.within or f"/{place.name}" for place in inside], dtype=np.str_)


def _within_note(inside: Sequence[Place]) -> tuple[str, ...]:
    """Tell that folders below the class folders are mixed: they may be a person, a film or a day each."""
    within = list(dict.fromkeys(place.within for place in inside if place.within))
    if not within:
        return ()
    said = f"images lie in {_counted(within)} folders below the class folders and are mixed: if those of one folder"
    return (f"{said} belong together (a person, a film, a day), set data.group=folder cv=stratified_group",)


def _split_column(inside: Sequence[Place], root: str) -> NDArray[np.str_]:
    words = [part_word(place.part) for place in inside]
    if not set(words) & set(TRAIN_WORDS) or not set(words) & set(HELD_OUT_WORDS):
        raise ConfigError(
            f"data.split=true needs images of {root} both in train and in one of {', '.join(SHOWN_WORDS[1:])}"
        )
    return np.array(words, dtype=np.str_)


def _notes(
    listing: Listing, top: str, parts: Sequence[str], found: Sequence[Place], inside: Sequence[Place]
) -> list[str]:
    notes = []
    read = Counter(place.part for place in inside if place.part)
    if read:
        counts = ", ".join(f"{part} {n}" for part, n in sorted(read.items()))
        left_out = [part for part in parts if part not in read]
        without = f"; left out: {', '.join(left_out)}" if left_out else ""
        notes.append(f"images by folder: {counts}{without}")
    beside = [place.name for place in found if not place.label]
    other = [name for name in listing.files if not is_image_name(name)]
    empty = _folders_without_images(listing, top, parts)
    if beside:
        notes.append(f"left out, because they lie next to the class folders: {_counted(beside)}")
    if other:
        notes.append(f"left out, because their endings are not read ({' '.join(ENDINGS)}): {_counted(other)}")
    if empty:
        notes.append(f"class folders without an image, left out: {_counted(empty)}")
    return notes


def _folders_without_images(listing: Listing, top: str, parts: Sequence[str]) -> list[str]:
    """Return the folders at the depth of the classes that hold no image."""
    depth = 2 if parts else 1

    def class_folders(paths: Iterable[str]) -> set[str]:
        below = (path[len(top) :].split("/") for path in paths if path.startswith(top))
        return {"/".join(folders[:depth]) for folders in below if len(folders) >= depth}

    in_files = (name.rpartition("/")[0] for name in listing.files if "/" in name[len(top) :])
    full = class_folders(name.rpartition("/")[0] for name in listing.images() if "/" in name[len(top) :])
    return sorted(class_folders([*listing.folders, *in_files]) - full - {""})


def _counted(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:MOST_NAMED])
    return f"{len(names)} ({listed}{', ...' if len(names) > MOST_NAMED else ''})"
