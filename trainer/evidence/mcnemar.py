"""McNemar's exact test, and what it becomes where rows have groups or were predicted several times.

McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 1947: of the rows
that only one of two models gets right, each model should have half. Every such row is a coin, and so is a whole group
of rows, or the sum of a row's repeats: their signs are flipped together (Fisher's randomisation test, in its exact
distribution). With single rows, predicted once, that is McNemar's test in its exact, binomial form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.not_defined import NotDefined

_DIRECT_CELLS = 10_000_000  # above it distributions are joined by Fourier transform
_LEAST = 1e-15  # what a Fourier transform can tell from 0


@dataclass(frozen=True)
class McNemar:
    """The rows that one of two models alone gets right.

    Attributes:
        only_a: predictions that a alone has right, over all repeats.
        only_b: those that b alone has right.
        p: two-sided.
        unit: what is flipped: ``row`` or ``group``.
    """

    only_a: int
    only_b: int
    p: float
    unit: str


def mcnemar(
    right_a_RN: NDArray[np.bool_], right_b_RN: NDArray[np.bool_], group_N: NDArray[np.int64] | None = None
) -> McNemar | NotDefined:
    """Test whether two models are right equally often.

    Args:
        right_a_RN: whether a has a row right, per repeat; False in both where a repeat does not predict the row.
        right_b_RN: the same of b.
        group_N: number of the group of each row, from 0; None = rows are independent.
    """
    lead_N = right_b_RN.sum(axis=0, dtype=np.int64) - right_a_RN.sum(axis=0, dtype=np.int64)
    if group_N is not None:
        lead_N = np.bincount(group_N, weights=lead_N).astype(np.int64)
        if len(lead_N) == 1:
            return NotDefined("all rows are of one group")
    only_a, only_b = int((right_a_RN & ~right_b_RN).sum()), int((right_b_RN & ~right_a_RN).sum())
    return McNemar(only_a, only_b, sign_flip_p(lead_N), "row" if group_N is None else "group")


def sign_flip_p(lead_U: NDArray[np.int64]) -> float:
    """Return how often random signs make the sum of whole numbers as far from 0 as theirs; 1.0 where all are 0."""
    from scipy.stats import binom

    sizes, counts = np.unique(np.abs(lead_U[lead_U != 0]), return_counts=True)
    if not len(sizes):
        return 1.0
    gained, total = int(lead_U[lead_U > 0].sum()), int((sizes * counts).sum())
    far = max(gained, total - gained)
    if len(sizes) == 1:  # the plain binomial: exact however small
        return float(min(1.0, 2 * binom.sf(far // sizes[0] - 1, counts[0], 0.5)))
    gained_G = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        coins = np.zeros(size * count + 1)
        coins[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        gained_G = _convolved(gained_G, coins)
    return float(min(1.0, max(_LEAST, 2 * gained_G[far:].sum())))


def _convolved(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.signal import fftconvolve

    return np.convolve(one, other) if len(one) * len(other) <= _DIRECT_CELLS else np.asarray(fftconvolve(one, other))
