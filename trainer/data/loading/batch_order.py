"""Which rows come in which batch, and which batches are gathered in one go: pure functions of row numbers."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

GATHERED_BYTES = 1 << 20  # of batches that are gathered in one go: they stay in a core's cache until they are used
LARGE_BYTES = 1 << 15  # of a batch that is gathered by itself, where it is wanted: copied once, as it may be elsewhere
ALIGNED_BYTES = 64  # where torch puts a tensor: from another place a product may add up in another order
BUCKET_BATCHES = 50  # rows are sorted by length within stretches of this many batches


def training_order(
    rows: NDArray[np.int64], batch_size: int, key: tuple[int, ...], lengths_N: NDArray[np.int64] | None
) -> list[NDArray[np.int64]]:
    """Shuffle the rows into batches.

    Args:
        rows: row numbers to train on.
        batch_size: rows per batch; the last one may be ragged.
        key: (seed, repeat, fold, epoch); nothing else decides the order.
        lengths_N: length of every row of the data set, to batch rows of like length together, or None.

    Returns:
        Row numbers per batch; every row exactly once.
    """
    random = np.random.default_rng(key)
    shuffled = random.permutation(rows)
    if lengths_N is None:
        return list(_chunks(shuffled, batch_size))
    buckets = _chunks(shuffled, batch_size * BUCKET_BATCHES)
    by_length = [bucket[np.argsort(lengths_N[bucket], kind="stable")] for bucket in buckets]
    batches = [batch for bucket in by_length for batch in _chunks(bucket, batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def evaluation_order(
    rows: NDArray[np.int64], batch_size: int, lengths_N: NDArray[np.int64] | None
) -> list[NDArray[np.int64]]:
    """Cut the rows into batches in order, or from short to long where they differ in length."""
    ordered = rows if lengths_N is None else rows[np.argsort(lengths_N[rows], kind="stable")]
    return list(_chunks(ordered, batch_size))


def stretches(order: Sequence[NDArray[np.int64]], row_bytes: Sequence[int]) -> Iterator[Sequence[NDArray[np.int64]]]:
    """Yield neighbouring batches of as many rows that are looked up in one go: the calls take longer than a few rows.

    Args:
        order: row numbers per batch.
        row_bytes: of a row of each input.
    """
    for n_rows, alike in groupby(order, len):
        sizes = [n_rows * size for size in row_bytes]
        aligned = not any(size % ALIGNED_BYTES for size in sizes)
        at_once = max(1, GATHERED_BYTES // max(1, sum(sizes))) if aligned else 1
        while stretch := list(islice(alike, None if aligned and is_large(n_rows, row_bytes) else at_once)):
            yield stretch


def is_large(n_rows: int, row_bytes: Sequence[int]) -> bool:
    """Return whether a batch of some rows, each of so many bytes by input, is gathered by itself."""
    return n_rows * sum(row_bytes) >= LARGE_BYTES


def _chunks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
