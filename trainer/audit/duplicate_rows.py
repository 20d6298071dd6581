"""Which rows are the same input, after folding what does not matter."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.row_hashes import row_hashes
from trainer.data.samples import Arrays, Images, Inputs, Items, SparseColumns, TableColumns, Texts
from trainer.system.arrow_files import as_numpy
from trainer.tasks import Target, of_target

FREQUENT_SHARE = 0.01  # an input with at least this share of the rows, and ...
FREQUENT_COPIES = 20  # ... this many rows is common
CHUNK_ROWS = 1 << 14  # compared as bytes: a hash of each row is kept, not its cells


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
    if isinstance(inputs, Images | Items):
        return number(inputs.sha256)
    if isinstance(inputs, Arrays):
        return number(inputs.row_sha256())
    if isinstance(inputs, Texts):
        keys = [pa.array(chunk, pa.large_binary()) for chunk in _text_keys(inputs)]
        return _places(pa.chunked_array(keys, pa.large_binary()))
    if isinstance(inputs, SparseColumns):
        return _codes_of(_sparse_keys(inputs))
    return _table_codes(inputs)


def _table_codes(table: TableColumns) -> NDArray[np.int64]:
    """Compare the rows whose short hash another row has; the others, most rows of most tables, are like no other."""
    hashes_N = row_hashes(table)
    assert hashes_N is not None
    alone_N = _alone(hashes_N)
    n_alone = int(alone_N.sum())
    codes_N = np.empty(len(hashes_N), dtype=np.int64)
    codes_N[alone_N] = np.arange(n_alone)
    codes_N[~alone_N] = n_alone + _codes_of(_row_keys(table.only(~alone_N)))
    return codes_N


def _alone(hashes_N: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return (N,) whether no other row has the hash; numbering all hashes would take five times the room."""
    in_order = np.sort(hashes_N)
    repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    if not len(repeated):
        return np.ones(len(hashes_N), dtype=bool)
    places = np.minimum(np.searchsorted(repeated, hashes_N), len(repeated) - 1)
    return np.asarray(repeated[places] != hashes_N)


def _codes_of(keys: Iterator[bytes]) -> NDArray[np.int64]:
    hashes = b"".join(hashlib.blake2b(key, digest_size=16).digest() for key in keys)
    first_N, second_N = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2).T
    order = np.lexsort((second_N, first_N))
    codes_N = np.zeros(len(order), dtype=np.int64)
    codes_N[order[1:]] = np.cumsum((np.diff(first_N[order]) != 0) | (np.diff(second_N[order]) != 0))
    return codes_N


def _row_keys(table: TableColumns) -> Iterator[bytes]:
    """Yield the cells of each row, equal values having equal bytes; as many rows are in memory as a chunk has."""
    words_NK = np.empty(table.categorical_NK.shape)
    for place, words_N in enumerate(table.categorical_NK.T):
        words_NK[:, place] = word_places(words_N)
    for start in range(0, len(table.numeric_NF), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        cells_BC = np.concatenate([_one_pattern(table.numeric_NF[chunk]), words_NK[chunk]], axis=1)
        yield from (row.tobytes() for row in cells_BC)


def _sparse_keys(inputs: SparseColumns) -> Iterator[bytes]:
    """Yield what is not zero in each row."""
    for start, end in pairwise(inputs.offsets.tolist()):
        there = inputs.values_P[start:end] != 0
        yield inputs.columns_P[start:end][there].tobytes() + inputs.values_P[start:end][there].tobytes()


def _text_keys(inputs: Texts) -> Iterator[list[bytes]]:
    for start in range(0, len(inputs.texts), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        pairs = None if inputs.pairs is None else inputs.pairs[chunk]
        yield [key.encode("utf-8", "surrogatepass") for key in text_keys(Texts(inputs.texts[chunk], pairs))]


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


def common(codes_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) whether at least 1 % of the rows, and 20, have the row's input."""
    counts_N = np.bincount(codes_N)[codes_N]
    return counts_N >= max(FREQUENT_COPIES, FREQUENT_SHARE * len(codes_N))


def look_alikes(codes_N: NDArray[np.int64], target: Target) -> NDArray[np.bool_]:
    """Return (N,) whether the row's input is common and has more than one label.

    Such rows are different cases that look the same, not copies of one case: nothing is learnt from them by heart.
    Common inputs with one label may be rows that were repeated before the split, so they stay copies.
    """
    return common(codes_N) & (labels_per_code(codes_N, of_target(target).codes(target))[codes_N] > 1)


def labels_per_code(codes_N: NDArray[np.int64], labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many different labels the rows of each code have."""
    n_labels = int(labels_N.max(initial=0)) + 1
    pairs_N = np.sort(codes_N * n_labels + labels_N)
    return np.bincount(pairs_N[np.diff(pairs_N, prepend=-1) != 0] // n_labels)


class NumberedTable:
    """A table's rows as numbers, one bit pattern per value; made of the rows that are asked for, as all take much room.

    Args:
        table: (N, F) numbers and (N, K) words.
    """

    def __init__(self, table: TableColumns) -> None:
        encoded: list[Any] = [
            pa.array(words_N, pa.string()).dictionary_encode("encode") for words_N in table.categorical_NK.T
        ]
        self._numeric_NF = table.numeric_NF
        self._words = [as_numpy(column.indices) for column in encoded]

    def __getitem__(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return (M, F + K) of row numbers (M,) or of (N,) whether each row is wanted."""
        numbers_MF = _one_pattern(self._numeric_NF[rows])
        return np.column_stack([numbers_MF, *(codes_N[rows] for codes_N in self._words)])


def _one_pattern(numeric_NF: NDArray[np.float64]) -> NDArray[np.float64]:
    same_NF = numeric_NF + 0.0  # -0 becomes 0
    same_NF[np.isnan(same_NF)] = np.nan  # there are many
    return same_NF


def word_places(words_N: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return (N,) the place of each word among the sorted different ones, -1 = None."""
    return _places(pa.array(words_N, pa.string()))


def _places(cells: Any) -> NDArray[np.int64]:
    """Return (N,) the place of each cell of an Arrow array among the sorted different ones, -1 = null."""
    encoded: Any = cells.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    place_W = np.full(len(order) + 1, -1, dtype=np.int64)
    place_W[order] = np.arange(len(order))
    indices_N: NDArray[np.int64] = encoded.indices.fill_null(len(order)).to_numpy(zero_copy_only=False)
    return place_W[indices_N]
