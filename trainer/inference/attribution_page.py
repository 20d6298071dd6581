"""Explained rows on a page: tokens in colours, images with what speaks for a class laid over them."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.attributed_rows import AttributedRow
from trainer.inference.show_attributions import is_map
from trainer.report.page.page_words import LANG, page_language
from trainer.report.rendering import render
from trainer.wording.translations import N_, translated

WORDS = {
    "title": N_("Why {run} predicts what it predicts"),
    "rows": N_("Rows, and what in them speaks for the class"),
    "label": N_("label"),
    "predicted": N_("predicted"),
    "explained": N_("explained"),
    "folds": N_("folds that did not see the row"),
    "for": N_("speaks for it"),
    "against": N_("speaks against it"),
    "tokens": N_(
        "Integrated gradients of the log odds, mean of the models that did not see the row. They sum to the difference "
        "from a text of padding alone; completeness says by how much they miss it."
    ),
    "patches": N_(
        "Integrated gradients of the log odds by patch, mean of the models that did not see the row. They sum to the "
        "difference from an image of mean colour; completeness says by how much they miss it."
    ),
    "maps": N_(
        "Grad-CAM of the last layer of maps, mean of the models that did not see the row: where the image speaks for "
        "the class. It has no unit and does not sum to anything."
    ),
    "complete": N_("completeness: off by {share}"),
    "image": N_("the image"),
    "overlay": N_("the image with what speaks for the class"),
}
FOR, AGAINST = (213, 94, 0), (0, 114, 178)  # Okabe and Ito: distinguishable with every form of colour blindness
LEAST_PIXELS = 192  # on the longer side of a picture


def attribution_page(run: str, rows: Sequence[AttributedRow]) -> str:
    """Return the page as HTML, in the language of the user."""
    language = page_language("auto")
    say = translated(language)
    words = {name: say(text) for name, text in WORDS.items()}
    kind = "tokens" if rows and rows[0].tokens else "maps" if rows and is_map(rows[0]) else "patches"
    return render(
        "attributions.html.j2",
        lang=LANG[language],
        words=words,
        title=words["title"].format(run=run),
        reading=words[kind],
        rows=[_shown(row, words) for row in rows],
        colours=[",".join(map(str, colour)) for colour in (FOR, AGAINST)],
    )


def _shown(row: AttributedRow, words: dict[str, str]) -> dict[str, Any]:
    strongest = float(np.abs(row.weights).max()) or 1.0
    shares = row.weights / strongest
    pictures = [] if row.pixels is None else [_png(_large(row.pixels)), _png(overlay(row.pixels, shares))]
    return {
        "row": row,
        "folds": ", ".join(map(str, row.folds)),
        "tokens": [
            (token, round(abs(share), 3), share > 0, f"{weight:+.4f}")
            for token, share, weight in zip(row.tokens, shares.ravel(), row.weights.ravel(), strict=False)
        ],
        "pictures": pictures,
        "complete": "" if is_map(row) else words["complete"].format(share=f"{row.missed:.2%}"),
    }


def overlay(pixels_HWC: NDArray[np.uint8], shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return an image in grey with what speaks for the class in one colour, and against it in another.

    Args:
        pixels_HWC: of the image.
        shares: (h, w) of its parts, from -1 to 1.
    """
    from PIL import Image

    large = _large(pixels_HWC)
    size = (large.shape[1], large.shape[0])
    smooth = Image.fromarray(shares.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    share_HW1 = np.asarray(smooth)[:, :, None]
    grey_HW1 = large.mean(axis=2, keepdims=True)
    colour_HWC = np.where(share_HW1 > 0, np.array(FOR), np.array(AGAINST))
    strength_HW1 = 0.75 * np.abs(share_HW1)
    mixed_HWC = grey_HW1 * (1 - strength_HW1) + colour_HWC * strength_HW1
    return np.asarray(np.clip(mixed_HWC, 0, 255), dtype=np.uint8)


def _large(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image in colours, small ones enlarged by whole pixels."""
    times = max(1, -(-LEAST_PIXELS // max(pixels_HWC.shape[:2])))
    colours = pixels_HWC if pixels_HWC.shape[2] == 3 else pixels_HWC[:, :, :1].repeat(3, axis=2)
    return np.asarray(colours.repeat(times, axis=0).repeat(times, axis=1))


def _png(pixels_HWC: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels_HWC).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
