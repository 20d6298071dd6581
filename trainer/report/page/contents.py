"""What the worst rows hold: their text, their cells, and a small picture of an image."""

import base64
import io
from collections.abc import Callable, Sequence

from trainer.data.images.image_files import read_image
from trainer.data.samples import Images, Samples
from trainer.errors import DataError, shown
from trainer.report.page.run_facts import RowContent
from trainer.report.row_words import content_columns, content_words

MOST_PICTURES = 24  # decoded; the first rows have them
LONGEST_TEXT = 240  # characters
SIDE = 96  # of a picture, in pixels
CHUNK_ROWS = 1 << 16  # whose ids are looked at, as Python's own texts, at a time


def contents_of(samples: Samples) -> Callable[[Sequence[str]], list[RowContent]]:
    """Return what tells what rows hold, by id."""

    def contents(ids: Sequence[str]) -> list[RowContent]:
        wanted = set(ids)
        row_of = {
            name: row
            for start in range(0, len(samples), CHUNK_ROWS)
            for row, name in enumerate(samples.ids_N[start : start + CHUNK_ROWS].tolist(), start)
            if name in wanted
        }
        rows = [row_of[name] for name in ids]
        columns = content_columns(samples.inputs, rows)
        texts = [shown(content_words(columns, place), LONGEST_TEXT) for place in range(len(rows))]
        pictures = [_picture(samples, row, place) for place, row in enumerate(rows)]
        return [RowContent(*one) for one in zip(texts, pictures, strict=True)]

    return contents


def _picture(samples: Samples, row: int, place: int) -> str:
    """Return a small copy of an image as address; nothing of other rows, or of an image that is gone by now."""
    if not isinstance(samples.inputs, Images) or place >= MOST_PICTURES:
        return ""
    try:
        image = read_image(samples.inputs, row)
    except DataError:
        return ""
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG" if min(image.size) > SIDE // 3 else "PNG")
    kind = "jpeg" if buffer.getvalue()[:2] == b"\xff\xd8" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
