"""Rows that belong together because they are copies of each other: what ``cv.group=auto_duplicates`` groups by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.audit.duplicate_rows import input_codes, look_alikes, normalise, number
from trainer.audit.image_hashes import take
from trainer.audit.near_images import image_clusters
from trainer.audit.near_texts import near_clusters, union
from trainer.data.samples import Images, Samples, Texts


def duplicate_groups(samples: Samples, near: bool, *, threshold: float = 0.8) -> NDArray[np.str_]:
    """Return one group name per row (N,): all copies of an input are one group, every other row its own.

    Look-alikes (``audit.duplicate_rows.look_alikes``) are no copies. Where the samples have groups, groups that share
    a copy become one: a split by these names keeps both. A group is named after the smallest id in it, so that the
    groups do not depend on the order of the rows.

    Args:
        samples: the rows.
        near: whether texts and images that are nearly the same are copies too.
        threshold: see ``near_clusters``.
    """
    codes_N = copy_codes(samples, input_codes(samples.inputs), threshold if near else None)
    if samples.groups_N is not None:
        codes_N = with_groups(codes_N, samples.groups_N)
    by_id = np.argsort(samples.ids_N, kind="stable")
    _, first, cluster_N = np.unique(codes_N[by_id], return_index=True, return_inverse=True)
    names_N = np.empty(len(samples), dtype=samples.ids_N.dtype)
    names_N[by_id] = samples.ids_N[by_id][first][cluster_N]
    return names_N


def copy_codes(samples: Samples, codes_N: NDArray[np.int64], threshold: float | None) -> NDArray[np.int64]:
    """Return (N,) numbers from 0 that copies share; each look-alike has its own.

    Args:
        samples: the rows.
        codes_N: their ``input_codes``.
        threshold: how near texts are joined, see ``near_clusters`` (images: see ``image_clusters``); None = exact
            copies only.
    """
    alike = np.flatnonzero(look_alikes(codes_N, samples.target))
    if threshold is not None and isinstance(samples.inputs, Texts):
        codes_N = _near_texts(samples.inputs, threshold)
    if threshold is not None and isinstance(samples.inputs, Images):
        codes_N = _near_images(samples.inputs, codes_N, samples.target)
    codes_N = codes_N.copy()
    codes_N[alike] = codes_N.max() + 1 + np.arange(len(alike))
    return codes_N


def _near_texts(inputs: Texts, threshold: float) -> NDArray[np.int64]:
    """Pairs are near copies where both texts are: one question with two answers is none."""
    codes_N = _near_parts(inputs.texts, threshold)
    if inputs.pairs is None:
        return codes_N
    both_N2 = np.stack([codes_N, _near_parts(inputs.pairs, threshold)], axis=1)
    return np.unique(both_N2, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _near_parts(texts: Sequence[str], threshold: float) -> NDArray[np.int64]:
    folded = normalise(texts)
    return near_clusters(sorted(set(folded)), threshold)[number(folded)]


def _near_images(images: Images, codes_N: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Common pictures with different labels look alike, such as empty forms: only their exact copies are joined."""
    near_N = image_clusters(take(images, np.unique(codes_N, return_index=True)[1]))[codes_N]
    return np.where(look_alikes(near_N, target), near_N.max() + 1 + codes_N, near_N)


def with_groups(codes_N: NDArray[np.int64], groups_N: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return (N,) numbers from 0 that rows of one code or one group share, in any number of steps."""
    places_N = number(groups_N.tolist())
    first_row = np.unique(places_N, return_index=True)[1]
    return union(codes_N, np.stack([codes_N, codes_N[first_row[places_N]]], axis=1))
