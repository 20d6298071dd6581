"""What is measured of rows, to tell whether later ones are like them: columns of a table, lengths, scripts, sizes."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from trainer.data.images.image_files import decoded_image
from trainer.data.samples import Arrays, Images, Inputs, TableColumns, Texts
from trainer.errors import DataError

Values = NDArray[Any]  # (N,) float64, NaN = missing; or (N,) object of text, None = missing

# one letter of a script without spaces is a word, as in the built-in vocabulary
WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿]|[^\W぀-ヿ㐀-䶿一-鿿]+")
SCRIPTS = (  # first and last code point
    ("Latin", 0x0041, 0x024F),
    ("Greek", 0x0370, 0x03FF),
    ("Cyrillic", 0x0400, 0x052F),
    ("Hebrew", 0x0590, 0x05FF),
    ("Arabic", 0x0600, 0x06FF),
    ("Devanagari", 0x0900, 0x097F),
    ("Thai", 0x0E00, 0x0E7F),
    ("Hangul", 0x1100, 0x11FF),
    ("Kana", 0x3040, 0x30FF),
    ("Han", 0x3400, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7A3),
)
STARTS = np.array([first for _, first, _ in SCRIPTS])
ENDS = np.array([last for _, _, last in SCRIPTS])
NO_LETTERS, OTHER = "no letters", "another script"
LOOKED_AT = 500  # characters of a text in which its script is looked for
NUMBER, CATEGORY = "number", "category"
WORDS_UNKNOWN = "unknown words"
TOKENS_UNKNOWN = "unknown tokens"  # of a pretrained tokenizer
Shares = Callable[[Texts], Values]  # of each text


@dataclass(frozen=True)
class Measure:
    """One value per row.

    Attributes:
        name: of the column, or what is measured of a text or an image.
        kind: number or category.
        values: one per row.
    """

    name: str
    kind: str
    values: Values


def measure_rows(inputs: Inputs) -> list[Measure]:
    """Return what is measured of rows; nothing of kinds of rows that are not watched.

    Texts: characters, words and script; images: width, height, channels and brightness (each is decoded); arrays: mean
    and standard deviation of each row.
    """
    if isinstance(inputs, TableColumns):
        numbers = [Measure(name, NUMBER, inputs.numeric_NF[:, place]) for place, name in enumerate(inputs.numeric)]
        words = enumerate(inputs.categorical)
        return [*numbers, *(Measure(name, CATEGORY, inputs.categorical_NK[:, place]) for place, name in words)]
    if isinstance(inputs, Texts):
        measured = _of_texts(inputs.texts, "")
        return measured if inputs.pairs is None else [*measured, *_of_texts(inputs.pairs, " of the second text")]
    if isinstance(inputs, Images):
        return _of_images(inputs)
    if isinstance(inputs, Arrays):
        return [measure for name, values in inputs.arrays.items() for measure in _of_array(name, values)]
    return []


def words_of(text: str) -> list[int]:
    """Return a number for each word of a text; capitals do not count."""
    return [crc32(word.encode()) for word in WORD.findall(text.lower())]


def unknown_words(texts: Sequence[str], known: frozenset[int]) -> Measure:
    """Return the share of each text's words that are not known; missing where a text has no word."""
    shares_N = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        words = words_of(text)
        if words:
            shares_N[row] = sum(word not in known for word in words) / len(words)
    return Measure(WORDS_UNKNOWN, NUMBER, shares_N)


def script_of(text: str) -> str | None:
    """Return the script of most letters at the start of a text; None where the text is empty.

    Example:
        >>> script_of("房间很大"), script_of("Ein Zimmer"), script_of("12 %")
        ('Han', 'Latin', 'no letters')
    """
    if not text.strip():
        return None
    found = {letter: count for letter, count in Counter(text[:LOOKED_AT]).items() if letter.isalpha()}
    if not found:
        return NO_LETTERS
    letters = np.array([ord(letter) for letter in found], dtype=np.int64)
    places = np.searchsorted(STARTS, letters, side="right") - 1
    inside = (places >= 0) & (letters <= ENDS[places])
    counts = np.bincount(np.where(inside, places, len(SCRIPTS)), list(found.values()), minlength=len(SCRIPTS) + 1)
    most = int(counts.argmax())
    return OTHER if most == len(SCRIPTS) else SCRIPTS[most][0]


def _of_texts(texts: Sequence[str], which: str) -> list[Measure]:
    empty_N = np.array([not text.strip() for text in texts], dtype=bool)
    lengths_N = np.array([len(text) for text in texts], dtype=np.float64)
    words_N = np.array([sum(1 for _ in WORD.finditer(text)) for text in texts], dtype=np.float64)
    scripts = np.empty(len(texts), dtype=object)
    scripts[:] = [script_of(text) for text in texts]
    return [
        Measure(f"characters{which}", NUMBER, np.where(empty_N, np.nan, lengths_N)),
        Measure(f"words{which}", NUMBER, np.where(empty_N, np.nan, words_N)),
        Measure(f"script{which}", CATEGORY, scripts),
    ]


def _of_images(images: Images) -> list[Measure]:
    numbers_N3, channels = np.full((len(images.names), 3), np.nan), np.empty(len(images.names), dtype=object)
    for row, name in enumerate(images.names):
        try:
            image, origin = decoded_image(images.root, name)
        except DataError:
            continue  # it is missing; whoever predicts refuses or names it
        numbers_N3[row] = (*origin.size[::-1], np.asarray(image.convert("L")).mean())
        channels[row] = "gray" if origin.is_gray else "colour"
    names = ("width", "height", "brightness")
    numbers = [Measure(name, NUMBER, numbers_N3[:, place]) for place, name in enumerate(names)]
    return [*numbers, Measure("channels", CATEGORY, channels)]


def _of_array(name: str, values: NDArray[Any]) -> list[Measure]:
    if not np.issubdtype(values.dtype, np.number) and values.dtype != np.bool_:
        return []
    rows = values.reshape(len(values), -1).astype(np.float64)
    if not rows.shape[1]:
        return []
    mean = Measure(f"mean of {name}", NUMBER, rows.mean(axis=1))
    return [mean] if rows.shape[1] == 1 else [mean, Measure(f"standard deviation of {name}", NUMBER, rows.std(axis=1))]
