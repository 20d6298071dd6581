"""Which texts are nearly the same: MinHash over character 3-grams, every match checked on the 3-grams themselves.

Source: Broder, "On the resemblance and containment of documents", 1997; banding as in Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", chapter 3. Within a band's bucket a text is compared with its next neighbours only, the
bucket being sorted by the bands that follow: time stays linear where thousands of texts are made from one template.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # scipy.sparse takes a thirtieth of the start of predict, which looks for no copies
    from scipy.sparse import csr_array

NGRAM = 3  # characters, so that Chinese works
BANDS, BAND_ROWS = 32, 6  # two texts that share 80 % of their 3-grams meet in a band with probability 0.9999
NEIGHBOURS = 5
SHORTEST = 10  # characters; below, one changed character is a different text
MARGIN = 0.1  # the estimate from 192 hashes is off by 0.03 (one sigma) at 80 %
CHUNK_CHARACTERS = 2_000_000
CHUNK_SHINGLES = 4_000_000
CHUNK_PAIRS = 20_000


def near_clusters(texts: Sequence[str], threshold: float = 0.8) -> NDArray[np.int64]:
    """Return (U,) numbers from 0; texts linked by near copies have the same number.

    Args:
        texts: (U,) normalised and different.
        threshold: share of all 3-grams of two texts that both must have (Jaccard) to be linked.
    """
    clusters_U = np.arange(len(texts))
    long_enough = np.array([index for index, text in enumerate(texts) if len(text) >= SHORTEST], dtype=np.int64)
    if len(long_enough) < 2:
        return clusters_U
    shingles = _shingles([texts[index] for index in long_enough])
    signatures_UH = _signatures(shingles)
    labels_U = np.arange(len(long_enough))
    for pairs_P2 in _candidates(signatures_UH):
        pairs_P2 = pairs_P2[labels_U[pairs_P2[:, 0]] != labels_U[pairs_P2[:, 1]]]
        linked_P2 = pairs_P2[_near(pairs_P2, signatures_UH, shingles, threshold)]
        labels_U = union(labels_U, labels_U[linked_P2])
    clusters_U[long_enough] = long_enough[np.unique(labels_U, return_index=True)[1]][labels_U]
    return np.unique(clusters_U, return_inverse=True)[1].astype(np.int64)


def union(labels_U: NDArray[np.int64], links_P2: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (U,) labels from 0 after joining linked labels (connected components)."""
    if not len(links_P2):
        return labels_U
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = int(labels_U.max()) + 1
    graph = coo_array((np.ones(len(links_P2), dtype=np.int8), (links_P2[:, 0], links_P2[:, 1])), shape=(n, n))
    component_of_label = connected_components(graph, directed=False)[1].astype(np.int64)
    return component_of_label[labels_U]


def _shingles(texts: Sequence[str]) -> "csr_array":
    """Return (U, 2^30) int8: which hashed 3-grams each text has."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(NGRAM, NGRAM), n_features=2**30, binary=True, norm=None, alternate_sign=False,
        lowercase=False, dtype=np.float32,
    )  # fmt: skip
    indices, lengths = [], []
    for chunk in _chunks(texts):
        found = hashed.transform(chunk)
        indices.append(found.indices)
        lengths.append(np.diff(found.indptr))
    columns = np.concatenate(indices)
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths), dtype=np.int64)])
    return csr_array((np.ones(len(columns), dtype=np.int8), columns, starts), shape=(len(texts), 2**30))


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut where the texts reach a size, so that the vectoriser's own memory stays small."""
    chunk_U = np.cumsum([len(text) for text in texts]) // CHUNK_CHARACTERS
    starts = [*np.unique(chunk_U, return_index=True)[1].tolist(), len(texts)]
    for start, end in pairwise(starts):
        yield texts[start:end]


def _signatures(shingles: "csr_array") -> NDArray[np.uint32]:
    """Return (U, BANDS * BAND_ROWS): the least hash of each text's 3-grams under each hash function."""
    random = np.random.default_rng(0)
    n_hashes = BANDS * BAND_ROWS
    factors_H = random.integers(0, 2**31, n_hashes, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    offsets_H = random.integers(0, 2**32, n_hashes, dtype=np.uint32)
    signatures_UH = np.empty((shingles.shape[0], n_hashes), dtype=np.uint32)
    row_step = max(1, CHUNK_SHINGLES * shingles.shape[0] // shingles.nnz)
    for first in range(0, shingles.shape[0], row_step):
        part = shingles.indptr[first : first + row_step + 1]
        mixed = shingles.indices[part[0] : part[-1]].astype(np.uint32)
        mixed = mixed * np.uint32(0x9E3779B1)
        mixed ^= mixed >> np.uint32(15)
        for place in range(n_hashes):
            hashes = mixed * factors_H[place] + offsets_H[place]
            signatures_UH[first : first + row_step, place] = np.minimum.reduceat(hashes, part[:-1] - part[0])
    return signatures_UH


def _candidates(signatures_UH: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yield, band by band, pairs (P, 2) of texts that agree in the whole band."""
    random = np.random.default_rng(1)
    factors_R = random.integers(0, 2**62, BAND_ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    bands_UBR = signatures_UH.reshape(len(signatures_UH), BANDS, BAND_ROWS)
    keys_UB = np.stack([bands_UBR[:, band].astype(np.uint64) @ factors_R for band in range(BANDS)], axis=1)
    for band in range(BANDS):
        following = [(band + step) % BANDS for step in (3, 2, 1, 0)]  # lexsort: the last key counts first
        order = np.lexsort([keys_UB[:, place] for place in following])
        key_U = keys_UB[order, band]
        pairs = []
        for step in range(1, NEIGHBOURS + 1):
            same = np.flatnonzero(key_U[step:] == key_U[:-step])
            pairs.append(np.stack([order[same], order[same + step]], axis=1))
        yield np.concatenate(pairs)


def _near(
    pairs_P2: NDArray[np.int64], signatures_UH: NDArray[np.uint32], shingles: "csr_array", threshold: float
) -> NDArray[np.bool_]:
    """Return (P,) whether both texts share at least ``threshold`` of their 3-grams."""
    near_P = np.zeros(len(pairs_P2), dtype=bool)
    sizes_U = np.diff(shingles.indptr)
    for first in range(0, len(pairs_P2), CHUNK_PAIRS):
        left, right = pairs_P2[first : first + CHUNK_PAIRS].T
        likely = np.flatnonzero((signatures_UH[left] == signatures_UH[right]).mean(axis=1) >= threshold - MARGIN)
        left, right = left[likely], right[likely]
        shared = np.diff((shingles[left] * shingles[right]).indptr)
        near_P[first + likely] = shared >= threshold * (sizes_U[left] + sizes_U[right] - shared)
    return near_P
