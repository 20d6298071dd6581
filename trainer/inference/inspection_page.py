"""The rows that a run predicts worst on one HTML page, with their texts or pictures beside them."""

import base64
import io
from pathlib import Path
from typing import Any

from trainer.data.images.image_files import decoded_image
from trainer.data.samples import Images
from trainer.errors import ConfigError, DataError, shown
from trainer.inference.show_inspection import MOST_SLICES, Listed
from trainer.inference.worst_rows import Inspection
from trainer.report.formatting import number
from trainer.report.page.note_words import Say, slice_word
from trainer.report.page.page_words import LANG, page_language
from trainer.report.rendering import render
from trainer.report.row_words import content_words
from trainer.store.own_files import write_given
from trainer.wording.translations import N_, translated

ENDINGS = (".html", ".htm")
MOST_SHOWN = 500  # rows: a page of more is slow to read and to load
MOST_CHARACTERS = 2_000  # of a text
LONGER_SIDE = 160  # pixels of a picture
WORDS = {
    "title": N_("The rows that {run} predicts worst"),
    "some": N_("{shown} of {all} rows are shown."),
    "holds": N_("what the row holds"),
    "id": N_("id"),
    "label": N_("label"),
    "predicted": N_("predicted"),
    "probability_of_label": N_("p(label)"),
    "probability_of_predicted": N_("p(predicted)"),
    "loss": N_("log loss"),
    "issue": N_("suspected"),
    "spread": N_("disagreement"),
    "slices": N_("Slices"),
    "slice": N_("slice"),
    "rows": N_("rows"),
    "right": N_("right"),
    "error": N_("absolute error"),
    "rest": N_("all other rows"),
    "interval": N_("interval (95 %)"),
    "none": N_("No slice is predicted worse than the rest beyond chance."),
    "picture": N_("image of row {id}"),
}


def is_page(path: Path) -> bool:
    """Return whether a file is to be a page, by its name."""
    return path.suffix.lower() in ENDINGS


def write_page(path: Path, found: Inspection, listed: Listed, by: str) -> None:
    """Write the page.

    Raises:
        ConfigError: it is a directory, or in one that is not there.
        StorageError: it cannot be written.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(f"-o {path}: give the name of a file, in a directory that is there")
    write_given(path, inspection_page(found, listed, by).encode(), N_("report"))


def inspection_page(found: Inspection, listed: Listed, by: str) -> str:
    """Return the page as HTML, in the language of the user."""
    language = page_language("auto")
    say = translated(language)
    words = {name: say(text) for name, text in WORDS.items()}
    first = listed.first(MOST_SHOWN)
    return render(
        "inspect.html.j2",
        lang=LANG[language],
        words=words,
        title=words["title"].format(run=found.run.directory.name),
        by=by,
        some=words["some"].format(shown=len(first.rows), all=len(listed.rows)) if first.rows != listed.rows else "",
        headings=[words.get(name, name) for name in first.columns],
        rows=[_row(found, first, place, words) for place in range(len(first.rows))],
        value=words["right" if found.run.task.has_classes else "error"],
        slices=_slices(found, say),
        has_slices=found.samples is not None,
        notes=found.notes,
    )


def _row(found: Inspection, listed: Listed, place: int, words: dict[str, str]) -> dict[str, Any]:
    values = [column[place] for column in listed.columns.values()]
    picture = None if found.samples is None else _picture(found.samples.inputs, listed.rows[place])
    return {
        "cells": [(number(value) if isinstance(value, float) else str(value)) for value in values],
        "holds": shown(content_words(listed.held, place), MOST_CHARACTERS) if listed.held else "",
        "picture": picture,
        "alt": words["picture"].format(id=values[0]),
    }


def _picture(inputs: Any, row: int) -> str | None:
    """Return a small copy of a row's image as base64; None where there is none, or it can no longer be read."""
    if not isinstance(inputs, Images):
        return None
    from PIL import Image

    try:
        image, _ = decoded_image(inputs.root, inputs.names[row])
    except DataError:
        return None
    scale = LONGER_SIDE / max(image.size)
    if scale < 1:
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    else:
        times = int(scale)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _slices(found: Inspection, say: Say) -> list[tuple[str, ...]]:
    return [
        (
            slice_word(one, say),
            str(one.n_rows),
            number(one.value),
            f"{number(one.low)} – {number(one.high)}",
            number(one.rest),
        )
        for one in found.worse[:MOST_SLICES]
    ]
