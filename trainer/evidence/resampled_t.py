"""The t-test over folds, corrected for what it usually ignores: folds share most of their training rows.

Nadeau, Bengio, "Inference for the generalization error", Machine Learning 2003, equation 16; over repeats of k folds
Bouckaert, Frank, "Evaluating the replicability of significance tests for comparing learning algorithms", PAKDD 2004.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.chances import t_quantile, t_tails
from trainer.evidence.not_defined import NotDefined

_NO_SPREAD = 1e-12  # of the largest difference: what rounding leaves of equal ones
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FoldSpread:
    """The differences of the folds, as their mean and what it may be off by.

    Attributes:
        mean: of the differences.
        se: its standard error, corrected.
        df: degrees of freedom.
        p: two-sided, of no difference.
        ci95: of the difference.
    """

    mean: float
    se: float
    df: int
    p: float
    ci95: tuple[float, float]


def corrected_t(lead_J: Floats, test_to_train: float) -> FoldSpread | NotDefined:
    """Test whether the mean of the folds' differences is 0.

    Args:
        lead_J: difference in each fold of each repeat.
        test_to_train: rows held out per row trained on, 1 / (k - 1) for k folds; 0 gives the naive paired t-test,
            which takes folds for independent.
    """
    if len(lead_J) < 2:
        return NotDefined("one fold: nothing to tell its spread from")
    if not np.isfinite(lead_J).all():
        return NotDefined("undefined in some folds")
    sd = float(lead_J.std(ddof=1))
    if sd <= _NO_SPREAD * float(np.abs(lead_J).max()):
        return NotDefined(f"every fold differs by {lead_J[0]:.4g}: there is no spread to test by")
    mean, df, se = float(lead_J.mean()), len(lead_J) - 1, sd * spread_factor(len(lead_J), test_to_train)
    half = t_quantile(0.975, df) * se
    return FoldSpread(mean, se, df, t_tails(mean / se, df), (mean - half, mean + half))


def spread_factor(n_results: int, test_to_train: float) -> float:
    """Return what the sd of the folds' differences is multiplied by to give the standard error of their mean."""
    return math.sqrt(1 / n_results + test_to_train)
