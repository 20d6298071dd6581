"""The smallest difference that a number of folds can show: that the corrected t-test finds 8 times in 10."""

from functools import cache

from trainer.evidence.resampled_t import spread_factor

POWER = 0.8
SIGNIFICANCE = 0.05


def smallest_difference(sd: float, n_results: int, test_to_train: float) -> float:
    """Return the true difference that is significant (5 %) with a probability of 80 %.

    Args:
        sd: of the folds' differences.
        n_results: folds of all repeats together, two at least.
        test_to_train: rows held out per row trained on.
    """
    return sd * spread_factor(n_results, test_to_train) * standard_errors(n_results - 1)


@cache
def standard_errors(df: int) -> float:
    """Return the difference in units of its standard error, by the noncentral t distribution."""
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    critical = float(t.ppf(1 - SIGNIFICANCE / 2, df))

    def lacking(difference: float) -> float:
        return float(nct.sf(critical, df, difference)) - POWER  # significant on the wrong side: next to never

    return float(brentq(lacking, critical, 2 * critical))
