"""Hashes of what rows hold, by which rows of a run are known again whatever file they come in.

Of many different rows those with the smallest hashes are kept, a bottom-k sketch (Bar-Yossef et al. 2002, "Counting
distinct elements in a data stream"): a random part of them, and the same part of any other rows can be compared.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.samples import Inputs, TableColumns, Texts
from trainer.system.arrow_files import as_numpy
from trainer.system.mapped_arrays import give_way

Hashes = NDArray[np.uint64]

MOST_KEPT = 10_000  # different rows
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd: the multiplication loses nothing
SHIFT = np.uint64(29)
BETWEEN = "\x00"  # the two texts of a pair


@dataclass(frozen=True)
class Sketch:
    """What is kept of the rows of a run.

    Attributes:
        hashes: sorted; of all different rows, or the smallest.
        whole: whether all are there.
        share_again: rows whose like there is among the others: about as many of new rows are known by chance
            (Good 1953).
    """

    hashes: Hashes
    whole: bool
    share_again: float

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        kept = b64encode(self.hashes.astype("<u8").tobytes()).decode()
        return {"hashes": kept, "whole": self.whole, "share_again": self.share_again}

    def known(self, hashes_B: Hashes) -> tuple[int, int]:
        """Return how many rows of a block can be compared, and how many of these are rows of the run."""
        if not self.whole:
            hashes_B = hashes_B[hashes_B <= self.hashes[-1]]
        return len(hashes_B), int(np.isin(hashes_B, self.hashes).sum())


def sketch_of(hashes_N: Hashes) -> Sketch:
    """Return what is kept of rows; there is one at least."""
    different, counts = np.unique(hashes_N, return_counts=True)
    again = 1 - int((counts == 1).sum()) / len(hashes_N)
    return Sketch(different[:MOST_KEPT], len(different) <= MOST_KEPT, again)


def sketch_from(values: Mapping[str, Any]) -> Sketch:
    """Return what ``to_plain`` wrote and JSON has read back."""
    hashes = np.frombuffer(b64decode(values["hashes"]), dtype="<u8").astype(np.uint64)
    return Sketch(hashes, bool(values["whole"]), float(values["share_again"]))


def row_hashes(inputs: Inputs) -> Hashes | None:
    """Return 64 bits of each row (N,): of a table whatever its columns are written as, of texts to the letter.

    None of rows of other kinds.
    """
    if isinstance(inputs, Texts):
        pairs = inputs.pairs or ()
        rows = [f"{one}{BETWEEN}{two}" for one, two in zip(inputs.texts, pairs, strict=True)] if pairs else inputs.texts
        return _of_words(rows)
    if not isinstance(inputs, TableColumns):
        return None
    hashes_N = np.zeros(len(inputs.numeric_NF), dtype=np.uint64)
    numbers, words = map(_of_numbers, inputs.numeric_NF.T), map(_of_categories, inputs.categorical_NK.T)
    for place, of_column in enumerate(chain(numbers, words), start=1):  # one column at a time is in memory
        hashes_N += _mixed(of_column + np.uint64(place * int(FACTOR) % 2**64))
        give_way()
    return hashes_N


def _of_numbers(values_N: NDArray[np.float64]) -> Hashes:
    one_zero_N = values_N + 0.0  # -0.0 becomes 0.0
    one_zero_N[np.isnan(one_zero_N)] = np.nan  # there are many
    return one_zero_N.view(np.uint64)


def _of_categories(words_N: NDArray[np.object_]) -> Hashes:
    coded = pa.array(words_N, pa.string()).dictionary_encode()
    words = [str(word) for word in coded.dictionary.to_pylist()]
    known = np.append(_of_words(words), np.uint64(0))  # the last is of a missing cell
    return np.asarray(known[as_numpy(coded.indices.fill_null(len(known) - 1))])


def _of_words(words: Sequence[str]) -> Hashes:
    whole = b"".join(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest() for word in words)
    return np.frombuffer(whole, dtype="<u8").astype(np.uint64)


def _mixed(hashes_N: Hashes) -> Hashes:
    mixed_N = hashes_N * FACTOR
    mixed_N ^= mixed_N >> SHIFT
    mixed_N *= np.uint64(0xBF58476D1CE4E5B9)
    mixed_N ^= mixed_N >> np.uint64(32)
    return mixed_N
