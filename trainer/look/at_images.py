"""Look at images in one folder per class, or beside the table that names them."""

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from trainer.config.help import INSTALLED_DOOR
from trainer.config.overrides import command, written
from trainer.data.images.decoding import look as look_at_image
from trainer.data.images.image_files import Listing, list_files, read_bytes
from trainer.data.images.image_names import is_image_name
from trainer.data.readers.find import endings
from trainer.data.sources.image_folder import FoundImages, find_classes
from trainer.errors import DataError, FoldwiseError
from trainer.look.advice import advised
from trainer.look.answer import Candidate, Look, Refusal
from trainer.look.few_rows import N_SPLITS, balance, few_rows_options
from trainer.look.loading_plan import MODELS
from trainer.wording.lists import first_few

MOST_TRIES = 6
MOST_COUNTED = 20_000  # files, before it is said that a folder is none of images
MOST_OPENED = 48  # images whose size is read
ADVICE = ("folders", "split", "spellings", "missing_labels")


def holds_images(path: Path) -> Listing | None:
    """Return what lies in a directory or zip file where most of it is images; None where it is something else."""
    if path.is_dir() and not _begins_with_images(path):
        return None
    try:
        listing = list_files(str(path))
    except FoldwiseError:
        return None
    images = listing.images()
    return listing if images and len(images) * 2 > len(listing.files) else None


def _begins_with_images(folder: Path) -> bool:
    """Whether most of the files of a folder, as far as they are counted, are images: a home directory takes minutes."""
    n_files = n_images = 0
    for _, _, names in os.walk(folder):
        n_files += len(names)
        n_images += sum(map(is_image_name, names))
        if n_files > MOST_COUNTED:
            break
    return n_images * 2 > n_files


def table_among(listing: Listing) -> str | None:
    """Return the one table next to images, or None."""
    tables = [name for name in listing.files if name.lower().endswith(endings()) and not name.lower().endswith(".txt")]
    top = min((name.count("/") for name in tables), default=0)
    first = [name for name in tables if name.count("/") == top]
    return first[0] if len(first) == 1 else None


def look_at_images(listing: Listing, name: str) -> Look:
    """Look at images in one folder per class.

    Args:
        listing: of the directory or zip file.
        name: of it as it was given, in commands.
    """
    names = listing.images()
    look = Look(
        name,
        "a zip file of images" if Path(listing.root).is_file() else "a folder of images",
        n_rows=len(names),
        facts=_sizes(listing, names),
    )
    options, refusals, found = _settled(listing)
    if found is None:
        return replace(
            look, refusals=refusals, advice="put the images into one folder per class, or name them in a table"
        )
    labels = found.labels
    target = labels.target[~labels.left_out_N]
    within = {place.within for place in found.inside if place.within}
    candidates: dict[str, tuple[Candidate, ...]] = {}
    if options.get("split"):
        cv = ["cv=predefined"]
        candidates["split"] = (Candidate("folder", ", ".join(sorted({place.part for place in found.inside}))),)
    else:
        strategy, cv = "stratified", list[str]()
        if within:
            options["group"], strategy = "folder", "stratified_group"
            cv = ["cv=stratified_group", *([f"cv.n_splits={len(within)}"] if len(within) < N_SPLITS else [])]
        few, refused = few_rows_options(strategy, target, None, labels.classes, labels.task)
        cv, refusals = [*cv, *few], (*refusals, *refused)
    if within:
        candidates["group"] = (Candidate("folder", f"{len(within)} folders below the class folders"),)
    return replace(
        look,
        task=labels.task.name,
        balance=balance(labels.task, target, labels.classes),
        refusals=refusals,
        notes=found.notes,
        candidates=candidates,
        train=_train_command(name, options, cv),
        audit=f"foldwise audit {shlex.quote(name)}",
    )


def _settled(listing: Listing) -> tuple[dict[str, Any], tuple[Refusal, ...], FoundImages | None]:
    """Find the classes, taking the advice of each refusal."""
    options: dict[str, Any] = {}
    refusals: list[Refusal] = []
    for _ in range(MOST_TRIES):
        given = {("missing" if name == "missing_labels" else name): value for name, value in options.items()}
        try:
            found = find_classes(listing, **given)
        except FoldwiseError as refusal:
            setting = advised(refusal, [name for name in ADVICE if name not in options])
            if "data.split=true" in str(refusal) and "split" not in options:
                setting["split"] = True
                if not str(refusal).count("with other folders"):
                    setting.pop("folders", None)
            if not setting:
                return options, (*refusals, Refusal(str(refusal))), None
            options |= setting
            remedy = " ".join(f"data.{name}={written(value, in_list=True)}" for name, value in setting.items())
            refusals.append(Refusal(str(refusal), remedy))
        else:
            return options, tuple(refusals), found
    return options, tuple(refusals), None


def _train_command(name: str, options: dict[str, Any], cv: Sequence[str]) -> str:
    data = [f"data.{key}={written(value, in_list=True)}" for key, value in {"path": name, **options}.items()]
    items = ["data=image_folder", *data, f"model={MODELS['image_folder']}", *cv]
    return command(INSTALLED_DOOR, items)


def _sizes(listing: Listing, names: Sequence[str]) -> tuple[str, ...]:
    """Say how large the images are, by the heads of some of them, and which of these cannot be read."""
    some = names[:: max(len(names) // MOST_OPENED, 1)][:MOST_OPENED]
    sizes, gray, broken = [], 0, []
    for name in some:
        try:
            origin = look_at_image(read_bytes(listing.root, name))
        except DataError as problem:
            broken.append(f"{name} ({problem})")
            continue
        sizes.append(origin.size)
        gray += origin.is_gray
    facts = []
    if sizes:
        heights, widths = zip(*sizes, strict=True)
        kind = "gray" if gray == len(sizes) else "colour" if not gray else f"{gray} gray, {len(sizes) - gray} colour"
        if len(set(sizes)) == 1:
            said = f"all {heights[0]} x {widths[0]} (height x width)"
        else:
            said = (
                f"heights {min(heights)} to {max(heights)} (median {median(heights):g}), "
                f"widths {min(widths)} to {max(widths)} (median {median(widths):g})"
            )
        facts.append(f"sizes of {len(sizes)} images: {said}, {kind}")
    if broken:
        facts.append(f"cannot be read: {first_few(broken, 1)}")
    kinds = Counter(Path(name).suffix.lower() for name in names)
    facts.append("files: " + ", ".join(f"{count:,} {ending}" for ending, count in kinds.most_common(4)))
    return tuple(facts)
