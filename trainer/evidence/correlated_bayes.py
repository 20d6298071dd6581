"""How probable it is that one model is better, or that the difference is too small to matter.

The Bayesian correlated t-test: Corani, Benavoli, "A Bayesian approach for comparing cross-validated algorithms on
multiple data sets", Machine Learning 2015; Benavoli, Corani, Demšar, Zaffalon, "Time for a change", JMLR 2017. Its
correlation, the share of rows held out, gives the standard error of the corrected t-test: r / (1 - r) is the rows held
out per row trained on.
"""

from dataclasses import dataclass

from trainer.evidence.resampled_t import FoldSpread


@dataclass(frozen=True)
class Posterior:
    """Probabilities that sum to 1.

    Attributes:
        a_better: by more than ``rope``.
        equal: the difference is within ``rope``.
        b_better: by more than ``rope``.
        rope: half the width of the region of practical equivalence.
    """

    a_better: float
    equal: float
    b_better: float
    rope: float


def posterior(folds: FoldSpread, rope: float) -> Posterior:
    """Return the probabilities.

    Args:
        folds: the differences, positive where b is better.
        rope: the largest difference that does not matter.
    """
    from scipy.stats import t

    a = float(t.cdf(-rope, folds.df, folds.mean, folds.se))
    b = float(t.sf(rope, folds.df, folds.mean, folds.se))
    return Posterior(a, max(0.0, 1 - a - b), b, rope)
