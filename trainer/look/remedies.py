"""What the commands do about a refusal or a note of a loader."""

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.images.image_files import list_files
from trainer.data.samples import DataSpec
from trainer.errors import FoldwiseError
from trainer.look.advice import advised
from trainer.look.answer import ColumnLook
from trainer.look.loading_plan import LoadingPlan

MOST_CATEGORIES = 50  # different values of a column that is refused as numbers, to take it as a category
MOST_PLACES = 200  # next to a table, looked at for its images
ADVICE = ("task", "spellings", "missing_labels", "categorical", "id", "label_delimiter", "images", "suffix", "numeric")


def remedy_for(refusal: FoldwiseError, columns: Sequence[ColumnLook], rows: pa.Table, name: str) -> dict[str, Any]:
    """Return the setting that a refusal advises; a column that makes no categories is dropped instead.

    Args:
        refusal: of a loader.
        columns: what the columns of the table are.
        rows: the rows looked at.
        name: of the file.
    """
    setting = advised(refusal, ADVICE) or _image_place(refusal, columns, rows, name)
    if "categorical" in setting:
        looks = {column.name: column for column in columns}
        name = setting["categorical"][0]
        if name in looks and looks[name].n_values > MOST_CATEGORIES:
            return {"drop": [name]}
    if not setting and (dropped := advised(refusal, ("drop",))):
        return dropped
    if not setting:  # a column that holds lists or bytes
        said = re.search(r"column '(.*)' holds .* values: it must have one value per cell", str(refusal))
        return {"drop": [said[1]]} if said else {}
    return setting


def _image_place(refusal: FoldwiseError, columns: Sequence[ColumnLook], rows: pa.Table, name: str) -> dict[str, Any]:
    """Return the directory or zip file next to a table that has the first image it names."""
    if "data.images" not in str(refusal):
        return {}
    column = next((column.name for column in columns if column.kind == "image file"), "")
    first = str(rows[column][0].as_py()).strip()
    for place in islice(sorted(Path(name).absolute().parent.iterdir()), MOST_PLACES):
        if place.is_dir() and (place / first).is_file():
            return {"images": str(Path(name).parent / place.name)}
        if place.suffix.lower() == ".zip" and place.is_file():
            with suppress(FoldwiseError):
                if any(f"/{name}".endswith(f"/{first}") for name in list_files(str(place)).files):
                    return {"images": str(Path(name).parent / place.name)}
    return {}


def advice_in_notes(spec: DataSpec, plan: LoadingPlan) -> tuple[dict[str, Any], str] | None:
    """Return what a note advises on labels that are several in a cell, or that mean no label."""
    for note in spec.notes:
        found = re.search(r"data\.label_delimiter=('[^']+'|.)", note)
        if found and plan.columns.label_delimiter is None:
            setting: dict[str, Any] = {"label_delimiter": found[1].strip("'")}
            blank = list(plan.columns.missing_labels) == [""]
            return {**setting, **({"missing_labels": ()} if blank else {})}, note
        if note.startswith("warning: classes that look like no label"):
            setting = advised(FoldwiseError(note), ("missing_labels",))
            if setting and len(spec.classes) - len(setting["missing_labels"]) > 1:
                known = list(plan.columns.missing_labels)
                return {"missing_labels": [*known, *setting["missing_labels"]]}, note
    return None
