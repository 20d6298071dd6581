"""Rows that belong together because they are copies of each other: what ``cv.group=auto_duplicates`` groups by."""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.copies import input_codes, look_alikes, normalise, number
from trainer.audit.near import join, near_clusters
from trainer.data.samples import Samples, Texts


def duplicate_groups(samples: Samples, near: bool, *, threshold: float = 0.8) -> NDArray[np.str_]:
    """Return one group name per row (N,): all copies of an input are one group, every other row its own.

    Look-alikes (``trainer.audit.copies.look_alikes``) are no copies. Where the samples have groups, groups that share
    a copy become one: a split by these names keeps both. A group is named after the smallest id in it, so that the
    groups do not depend on the order of the rows.

    Args:
        samples: the rows.
        near: whether texts that are nearly the same are copies too.
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
        threshold: how near texts are joined, see ``near_clusters``; None = exact copies only.
    """
    alike = np.flatnonzero(look_alikes(codes_N, samples.target))
    if threshold is not None and isinstance(samples.inputs, Texts):
        different = sorted(set(normalise(samples.inputs.texts)))  # the order of input_codes
        codes_N = near_clusters(different, threshold)[codes_N]
    codes_N = codes_N.copy()
    codes_N[alike] = codes_N.max() + 1 + np.arange(len(alike))
    return codes_N


def with_groups(codes_N: NDArray[np.int64], groups_N: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return (N,) numbers from 0 that rows of one code or one group share, in any number of steps."""
    places_N = number(groups_N.tolist())
    first_row = np.unique(places_N, return_index=True)[1]
    return join(codes_N, np.stack([codes_N, codes_N[first_row[places_N]]], axis=1))
