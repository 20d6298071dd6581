"""Which pictures are nearly the same: re-encoded, resized, a little cropped, brighter or darker. Mirrored ones are not.

Pairs whose perceptual hashes differ in at most 10 of 64 bits are compared by their thumbnails: one must follow from
the other by brightness, contrast, a small shift and a small stretch (one step of Lucas and Kanade, "An iterative image
registration technique", 1981). What is left over is measured against the fine detail of the picture, not against all
of it, since two shirts or two X-rays agree in everything but detail.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trainer.audit.duplicate_rows import number
from trainer.audit.image_hashes import SIDE, ImageHash, look_at
from trainer.audit.near_texts import union
from trainer.data.samples import Images

MOST_BITS = 10  # of 64
LEAST_CORRELATION = 0.93  # of thumbnails, before the fit
MOST_COLOUR = 8.0  # mean difference in Cb and Cr, of 255
MOST_LEFT = 0.1  # mean square left over, as a share of the detail's
MOST_LEFT_TILE = 0.5  # in the worst of 4 x 4 tiles
LEAST_DETAIL = 0.25  # mean square in grey levels; pictures with less are copies only where all pixels are equal
NEIGHBOURS = 20  # pairs per picture that are fitted, those most alike
BLOCK_PAIRS, CHUNK_PAIRS = 1_000_000, 4_000


@lru_cache(maxsize=1)
def image_clusters(images: Images) -> NDArray[np.int64]:
    """Return (U,) numbers from 0; pictures linked by near copies, or with equal pixels, have the same number.

    Args:
        images: U different files.

    Raises:
        DataError: a file is not there or no picture.
    """
    image_hashes = look_at(images)
    pixels_U = number(image_hashes.pixels)
    first = np.unique(pixels_U, return_index=True)[1]
    labels_V = np.arange(len(first))
    grey_VP, detail_V = _standardised(image_hashes.grey_USS[first].astype(np.float32))
    for pairs_P2 in _candidates(image_hashes.hashes_U[first]):
        pairs_P2 = pairs_P2[labels_V[pairs_P2[:, 0]] != labels_V[pairs_P2[:, 1]]]
        pairs_P2 = pairs_P2[(detail_V[pairs_P2] >= LEAST_DETAIL).all(axis=1)]
        likely_P2 = _most_alike(pairs_P2, grey_VP)
        linked_P2 = likely_P2[_near(first[likely_P2], image_hashes, detail_V[likely_P2].min(axis=1))]
        labels_V = union(labels_V, labels_V[linked_P2])
    clusters_U = labels_V[pixels_U]
    clusters_U.flags.writeable = False  # shared by all who ask again
    return clusters_U


def _standardised(grey_VSS: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (V, P) thumbnails with mean 0 and length 1, and (V,) the mean square of what 2 x 2 means leave over."""
    squares = grey_VSS.reshape(-1, SIDE // 2, 2, SIDE // 2, 2)
    left = squares - squares.mean((2, 4), keepdims=True)
    flat_VP = (grey_VSS - grey_VSS.mean((1, 2), keepdims=True)).reshape(len(grey_VSS), -1)
    lengths_V1 = np.linalg.norm(flat_VP, axis=1, keepdims=True)
    return flat_VP / np.maximum(lengths_V1, 1e-6), (left**2).mean((1, 2, 3, 4))


def _candidates(hashes_V: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Yield, block by block, all pairs (P, 2) whose hashes are close, the smaller index first."""
    step = max(1, BLOCK_PAIRS // max(len(hashes_V), 1))
    for first in range(0, len(hashes_V), step):
        rows = hashes_V[first : first + step]
        close = np.bitwise_count(rows[:, None] ^ hashes_V[None, first:]) <= MOST_BITS
        left, right = np.divmod(np.flatnonzero(close), close.shape[1])
        upper = left < right
        yield np.stack([left[upper], right[upper]], axis=1) + first


def _most_alike(pairs_P2: NDArray[np.int64], grey_VP: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the pairs with similar thumbnails, the most similar ones of each first picture."""
    correlation_P = np.empty(len(pairs_P2), dtype=np.float32)
    for first in range(0, len(pairs_P2), CHUNK_PAIRS):
        left, right = pairs_P2[first : first + CHUNK_PAIRS].T
        correlation_P[first : first + CHUNK_PAIRS] = np.einsum("np,np->n", grey_VP[left], grey_VP[right])
    alike = correlation_P >= LEAST_CORRELATION
    pairs_P2, correlation_P = pairs_P2[alike], correlation_P[alike]
    order = np.lexsort((-correlation_P, pairs_P2[:, 0]))
    pairs_P2 = pairs_P2[order]
    place_P = np.arange(len(pairs_P2)) - np.searchsorted(pairs_P2[:, 0], pairs_P2[:, 0])
    return pairs_P2[place_P < NEIGHBOURS]


def _near(pairs_P2: NDArray[np.int64], image_hashes: ImageHash, detail_P: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (P,) whether the second picture follows from the first, in grey and in colour."""
    near_P = np.zeros(len(pairs_P2), dtype=bool)
    for first in range(0, len(pairs_P2), CHUNK_PAIRS):
        chunk = slice(first, first + CHUNK_PAIRS)
        left, right = pairs_P2[chunk].T
        colour = np.abs(image_hashes.colour_UC[left].astype(np.int16) - image_hashes.colour_UC[right]).mean(axis=1)
        tiles_P44 = _left_over(image_hashes.grey_USS[left], image_hashes.grey_USS[right])
        near_P[chunk] = (
            (colour <= MOST_COLOUR)
            & (tiles_P44.mean((1, 2)) <= MOST_LEFT * detail_P[chunk])
            & (tiles_P44.max((1, 2)) <= MOST_LEFT_TILE * detail_P[chunk])
        )
    return near_P


def _left_over(from_PSS: NDArray[np.uint8], to_PSS: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (P, 4, 4) mean squares per tile of what brightness, contrast, shift and stretch do not explain."""
    down_SS, across_SS = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    start_PSS = from_PSS.astype(np.float64)
    slope_down, slope_across = np.gradient(start_PSS, axis=(1, 2))
    effects = [np.ones_like(start_PSS), start_PSS, slope_down, slope_across]
    effects += [slope_down * down_SS, slope_across * across_SS]
    effects_PKN = np.stack(effects, axis=1).reshape(len(start_PSS), len(effects), SIDE * SIDE)
    goal_PN1 = to_PSS.reshape(len(to_PSS), SIDE * SIDE, 1).astype(np.float64)
    products_PKK = effects_PKN @ effects_PKN.transpose(0, 2, 1) + 1e-6 * np.eye(len(effects))
    weights_PK1 = np.linalg.solve(products_PKK, effects_PKN @ goal_PN1)
    left_PN1 = goal_PN1 - effects_PKN.transpose(0, 2, 1) @ weights_PK1
    mean_square: NDArray[np.float64] = (left_PN1**2).reshape(-1, 4, SIDE // 4, 4, SIDE // 4).mean((2, 4))
    return mean_square
