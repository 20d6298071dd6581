"""How much of a score is the seed: the variance of a fold's value, split by what it comes from.

The same folds are trained under several seeds, which are replicates within a fold: one-way analysis of variance with
random effects (Searle, Casella, McCulloch, "Variance Components", 1992, chapter 3), by the method of moments. What
folds differ by beyond their seeds is partly the luck of their few held-out rows, which the bootstrap over rows
measures; the rest is what other training rows change. Sources of variance as in Bouthillier et al., "Accounting for
variance in machine learning benchmarks", MLSys 2021.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.not_defined import NotDefined

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SeedSpread:
    """The spread of one metric over seeds.

    Attributes:
        oof: out of fold under each seed.
        sd: standard deviation of these (ddof=1).
        seed: variance of a fold's value from seed to seed.
        rows: from the choice of the rows it holds out; NaN where it is not known.
        folds: from what else differs between folds, such as the rows trained on; NaN of fewer than two folds.
    """

    oof: tuple[float, ...]
    sd: float
    seed: float
    rows: float
    folds: float

    def shares(self) -> tuple[float, float, float] | None:
        """Return the shares of seed, rows and folds in a fold's variance; None where a part is not known, or all 0."""
        parts = (self.seed, self.rows, self.folds)
        total = sum(parts)
        return None if math.isnan(total) or total <= 0 else (parts[0] / total, parts[1] / total, parts[2] / total)


def seed_spread(value_SJ: Floats, oof_S: Floats, *, n_splits: int, oof_se: float) -> SeedSpread | NotDefined:
    """Split the variance of a fold's value.

    Args:
        value_SJ: the metric of each fold under each seed; of all repeats.
        oof_S: out of fold under each seed.
        n_splits: folds of a repeat: one holds out so many times fewer rows than all together.
        oof_se: standard error of the out-of-fold value from the choice of rows; NaN where it is not known.
    """
    n_seeds, n_folds = value_SJ.shape
    if n_seeds < 2:
        return NotDefined("one seed: nothing to tell its spread from")
    if not (np.isfinite(value_SJ).all() and np.isfinite(oof_S).all()):
        return NotDefined("undefined in some folds")
    seed = float(value_SJ.var(axis=0, ddof=1).mean())
    between = math.nan
    if n_folds > 1:
        between = max(0.0, float(value_SJ.mean(axis=0).var(ddof=1)) - seed / n_seeds)
    rows = n_splits * oof_se**2
    beyond = between if math.isnan(rows) else between - rows
    folds = math.nan if math.isnan(beyond) else max(0.0, beyond)
    return SeedSpread(tuple(oof_S.tolist()), float(oof_S.std(ddof=1)), seed, rows, folds)
