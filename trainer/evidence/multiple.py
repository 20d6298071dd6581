"""More than two models: Holm's correction; over data sets Wilcoxon's, Friedman's and Nemenyi's tests.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979; Demšar,
"Statistical comparisons of classifiers over multiple data sets", JMLR 2006, with the F form of Iman and Davenport 1980.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.not_defined import NotDefined

Floats = NDArray[np.float64]
_FEWEST_FOR_WILCOXON = 6  # 2 / 2^5 is above 5 %, 2 / 2^6 below


@dataclass(frozen=True)
class Friedman:
    """Models ranked on several data sets.

    Attributes:
        ranks: mean rank of each model, 1 is best.
        chi2: Friedman's statistic, corrected for ties.
        f: that of Iman and Davenport; infinite where every data set ranks the models alike.
        p: of ``f``: that all models are equal.
        critical: difference of mean ranks from which two models differ at 5 % (Nemenyi).
        n_data_sets: data sets.
    """

    ranks: tuple[float, ...]
    chi2: float
    f: float
    p: float
    critical: float
    n_data_sets: int


def holm(p_P: Floats) -> Floats:
    """Return p-values that stay below 5 % in all but 5 % of such families; NaN is in no family and stays."""
    adjusted, known = np.full(len(p_P), math.nan), np.flatnonzero(~np.isnan(p_P))
    order = known[np.argsort(p_P[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_P[order] * factors)) if len(order) else []
    return adjusted


def signed_ranks(lead_D: Floats) -> float | NotDefined:
    """Return the p-value of Wilcoxon's signed ranks of two models.

    Args:
        lead_D: by how much one is better on each data set.
    """
    if len(lead_D) < _FEWEST_FOR_WILCOXON:
        return NotDefined(f"{len(lead_D)} data sets: signed ranks of fewer than {_FEWEST_FOR_WILCOXON} show nothing")
    if not np.isfinite(lead_D).all():
        return NotDefined("undefined on some data sets")
    if not lead_D.any():
        return NotDefined("both are equal on every data set")
    from scipy.stats import wilcoxon

    return float(wilcoxon(lead_D).pvalue)


def friedman(score_DM: Floats) -> Friedman | NotDefined:
    """Rank models on data sets, which are independent as folds never are.

    Args:
        score_DM: of each model on each data set, higher is better.
    """
    n_data_sets, n_models = score_DM.shape
    if n_models < 3:
        return NotDefined("two models: ranks of two say only who was better how often")
    if n_data_sets < 2:
        return NotDefined("one data set: folds of it share their rows, so they cannot stand for several")
    if not np.isfinite(score_DM).all():
        return NotDefined("undefined on some data sets")
    from scipy.stats import f as f_distribution
    from scipy.stats import rankdata, studentized_range

    rank_DM = rankdata(-score_DM, axis=1)
    ranks_M = rank_DM.mean(axis=0)
    middle = (n_models + 1) / 2
    spread = float(((rank_DM - middle) ** 2).sum()) / (n_models - 1)
    if spread == 0:
        return NotDefined("all models are equal on every data set")
    chi2 = n_data_sets**2 * float(((ranks_M - middle) ** 2).sum()) / spread
    rest = n_data_sets * (n_models - 1) - chi2
    f = (n_data_sets - 1) * chi2 / rest if rest > 1e-9 else math.inf
    df = (n_models - 1, (n_models - 1) * (n_data_sets - 1))
    standard = math.sqrt(n_models * (n_models + 1) / (6 * n_data_sets))
    critical = float(studentized_range.ppf(0.95, n_models, math.inf)) / math.sqrt(2) * standard
    return Friedman(tuple(ranks_M.tolist()), chi2, f, float(f_distribution.sf(f, *df)), critical, n_data_sets)
