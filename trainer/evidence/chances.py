"""Tests and quantiles by SciPy's special functions: scipy.stats, which has them too, takes a second to import.

They are imported where they are used: evidence is imported by commands that compute none.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TIE = 1 + 1e-7  # probabilities within it are taken for equal, as scipy's and R's exact tests do


def normal_tails(z: float) -> float:
    """Return the chance of a standard normal number at least as far from 0."""
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))


def normal_quantile(share: float) -> float:
    """Return the quantile of a standard normal number."""
    from scipy.special import ndtri

    return float(ndtri(share))


def t_tails(t: float, df: float) -> float:
    """Return the chance of a number of Student's distribution at least as far from 0."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))


def t_quantile(share: float, df: float) -> float:
    """Return the quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(df, share))


def wilson_interval(hits: int, n_rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z, share = normal_quantile(0.975), hits / n_rows
    middle = hits + z**2 / 2
    half = z * math.sqrt(n_rows * share * (1 - share) + z**2 / 4)
    return max(0.0, (middle - half) / (n_rows + z**2)), min(1.0, (middle + half) / (n_rows + z**2))


def fisher_exact(hits: int, n_inside: int, other_hits: int, n_outside: int) -> float:
    """Return the two-sided p-value of Fisher's exact test of two shares.

    Args:
        hits: of the rows inside.
        n_inside: rows inside.
        other_hits: of the others.
        n_outside: the others.
    """
    n_hits = hits + other_hits
    if n_hits in (0, n_inside + n_outside):
        return 1.0
    possible = np.arange(max(0, n_hits - n_outside), min(n_hits, n_inside) + 1)
    log_p = _log_choices(n_inside, possible) + _log_choices(n_outside, n_hits - possible)
    log_p -= log_p.max()
    p = np.exp(log_p)
    return float(min(1.0, p[p <= p[hits - possible[0]] * _TIE].sum() / p.sum()))


def _log_choices(n: int, taken_K: NDArray[np.int64]) -> Floats:
    from scipy.special import gammaln

    logs: Floats = gammaln(n + 1) - gammaln(taken_K + 1) - gammaln(n - taken_K + 1)
    return logs


def welch(here: tuple[float, float, int], there: tuple[float, float, int]) -> float:
    """Return the two-sided p-value of Welch's t-test; mean, standard deviation and number of rows of each."""
    (mean, sd, n), (other_mean, other_sd, n_others) = here, there
    own, other = sd**2 / n, other_sd**2 / n_others
    df = (own + other) ** 2 / (own**2 / (n - 1) + other**2 / (n_others - 1))
    return t_tails((mean - other_mean) / math.sqrt(own + other), df)


def false_discovery_rates(chances: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Benjamini and Hochberg (1995)."""
    p_N = np.asarray(chances, dtype=np.float64)
    order = np.argsort(p_N)[::-1]
    ranks = np.arange(len(p_N), 0, -1)
    rates_N = np.empty_like(p_N)
    rates_N[order] = np.clip(np.minimum.accumulate(p_N[order] * len(p_N) / ranks), 0, 1)
    return [float(rate) for rate in rates_N]
