"""Which rows are the same input, after folding what does not matter."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Images, Inputs, TableColumns, Texts

FREQUENT_SHARE = 0.01  # an input with at least this share of the rows, and ...
FREQUENT_COPIES = 20  # ... this many rows is common


class _Folding(dict[int, int | str | None]):
    """Translation table that looks a character up once: punctuation and white space become a space."""

    def __missing__(self, code: int) -> int | str | None:
        kind = unicodedata.category(chr(code))
        folded: int | str | None = code
        if kind[0] in "PZ" or kind == "Cc":
            folded = " "
        elif kind == "Cf":  # invisible marks
            folded = None
        self[code] = folded
        return folded


def normalise(texts: Sequence[str]) -> list[str]:
    """Fold each text: NFKC, case, punctuation (Chinese too) and white space to one space.

    A text of nothing but punctuation is kept as it is: "!!!" is not "???".
    """
    folding = _Folding()
    folded = []
    for text in texts:
        plain = unicodedata.normalize("NFKC", text).casefold()
        folded.append(" ".join(plain.translate(folding).split()) or " ".join(plain.split()))
    return folded


def input_codes(inputs: Inputs) -> NDArray[np.int64]:
    """Return (N,) numbers from 0; rows with the same number have the same input.

    Texts are compared after ``normalise``, both of a pair; images by the bytes of their files; feature rows cell by
    cell, missing cells being equal.
    """
    if isinstance(inputs, Images):
        return number(inputs.sha256)
    if isinstance(inputs, TableColumns):
        cells_NF = as_numbers(inputs)
        keys: list[str] | list[bytes] = [row.tobytes() for row in cells_NF]
    else:
        keys = text_keys(inputs)
    return number(keys)


def text_keys(inputs: Texts) -> list[str]:
    """Return each row's normalised text; of a pair both, on two lines, which no normalised text has by itself."""
    if inputs.pairs is None:
        return normalise(inputs.texts)
    both = zip(normalise(inputs.texts), normalise(inputs.pairs), strict=True)
    return [f"{first}\n{second}" for first, second in both]


def number(keys: Sequence[str] | Sequence[bytes]) -> NDArray[np.int64]:
    """Return (N,) the place of each key among the sorted different keys."""
    place = {key: index for index, key in enumerate(sorted(set(keys)))}  # type: ignore[type-var]
    return np.fromiter((place[key] for key in keys), dtype=np.int64, count=len(keys))


def target_codes(target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N,) numbers from 0: the class, or the set of labels of a multi-label row."""
    if target.ndim == 1:
        return target
    return np.unique(target, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def common(codes_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) whether at least 1 % of the rows, and 20, have the row's input."""
    counts_N = np.bincount(codes_N)[codes_N]
    return counts_N >= max(FREQUENT_COPIES, FREQUENT_SHARE * len(codes_N))


def look_alikes(codes_N: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) whether the row's input is common and has more than one label.

    Such rows are different cases that look the same, not copies of one case: nothing is learnt from them by heart.
    Common inputs with one label may be rows that were repeated before the split, so they stay copies.
    """
    pairs = np.unique(np.stack([codes_N, target_codes(target)], axis=1), axis=0)
    return common(codes_N) & (np.bincount(pairs[:, 0])[codes_N] > 1)


def as_numbers(table: TableColumns) -> NDArray[np.float64]:
    """Return (N, F + K): one bit pattern per value, so that equal rows have equal bytes."""
    numeric_NF = np.where(np.isnan(table.numeric_NF), np.nan, table.numeric_NF + 0.0)  # -0 becomes 0
    categorical_NK = np.empty(table.categorical_NK.shape)
    for column, words_N in enumerate(table.categorical_NK.T):
        place: dict[object, int] = {}
        categorical_NK[:, column] = [place.setdefault(word, len(place)) for word in words_N]
    return np.concatenate([numeric_NF, categorical_NK], axis=1)
