"""The difference of two metrics on rows that were drawn for both: Efron, Tibshirani 1993, chapters 8 and 13."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.chances import normal_tails

Floats = NDArray[np.float64]
_MIN_DEFINED = 0.9  # share of the draws in which both are defined
_ROUNDING = 1e-12  # a spread that rounding leaves of none


@dataclass(frozen=True)
class Drawn:
    """The difference on rows, or groups, drawn with replacement.

    Attributes:
        ci95: percentile interval.
        se: standard deviation of the draws.
        p: two-sided, of no difference: normal, by ``se``, since a percentile cannot be smaller than one draw.
        n_draws: draws.
    """

    ci95: tuple[float, float]
    se: float
    p: float
    n_draws: int


def drawn_difference(lead: float, lead_D: Floats) -> Drawn | None:
    """Return the interval of a difference; None where it is undefined in more than a tenth of the draws.

    Args:
        lead: on the rows themselves.
        lead_D: on those of each draw.
    """
    defined = lead_D[np.isfinite(lead_D)]
    if not math.isfinite(lead) or len(defined) < max(2, _MIN_DEFINED * len(lead_D)):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    se = float(defined.std(ddof=1))
    p = normal_tails(lead / se) if se > _ROUNDING else float(abs(lead) <= _ROUNDING)
    return Drawn((float(low), float(high)), se, p, len(lead_D))
