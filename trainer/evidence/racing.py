"""Whether a trial can still reach the best one, by the folds that it has behind it.

Of the same folds the scores of two trials go up and down together, so each fold's difference to the best trial is
looked at, not the score. With m of k folds trained, the mean difference over all k is predicted from the mean over
the m: its error has the variance s^2 (1/m - 1/k), that of a sample from a finite population (Cochran, Sampling
Techniques, 1977, 2.5, here for a prediction: sqrt(1/m + 1/(k-m)) (k-m)/k is its root), with s the spread of the
differences from fold to fold. s is pooled over the earlier trials, as one trial has too few folds to tell it. The
trial ends when the one-sided bound, at the level divided by the looks a trial is given (Bonferroni), says that the best
one stays ahead: a trial that would have won is ended with a probability of at most ``LEVEL``.

Maron and Moore, "Hoeffding races", NIPS 1993, are the idea; Birattari et al., "A racing algorithm for configuring
metaheuristics", GECCO 2002, race by blocks as here by folds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.chances import t_quantile

Floats = NDArray[np.float64]
LEVEL = 0.05  # at most so often a trial is ended that would have won
FEWEST_WHOLE = 2  # trials with all folds, before one is ended
FEWEST_MEDIAN = 5  # as Optuna's MedianPruner and Vizier have it


@dataclass(frozen=True)
class Verdict:
    """Why a trial ends early.

    Attributes:
        why: in words.
    """

    why: str


def race(score_F: Floats, earlier_TF: Floats, *, level: float = LEVEL) -> Verdict | None:
    """Return why a trial is not to reach the best earlier one any more, or None.

    Args:
        score_F: of the trial by fold, greater is better; NaN = not trained yet, or undefined.
        earlier_TF: of the earlier trials likewise.
        level: probability of ending a trial that would have won.
    """
    k, done_F = len(score_F), ~np.isnan(score_F)
    whole_TF = earlier_TF[~np.isnan(earlier_TF).any(axis=1)]
    m = int(done_F.sum())
    if len(whole_TF) < FEWEST_WHOLE or not 0 < m < k:
        return None
    best_F = whole_TF[whole_TF.mean(axis=1).argmax()]
    behind = float((best_F - score_F)[done_F].mean())
    spread, freedom = pooled_spread(best_F, np.vstack([earlier_TF, score_F]))
    if freedom < 1 or behind <= 0:
        return None
    quantile = t_quantile(1 - level / (k - 1), freedom)
    margin = quantile * spread * math.sqrt(1 / m - 1 / k)
    if behind <= margin:
        return None
    return Verdict(f"behind the best trial by {behind:.4f} after {m} of {k} folds, more than {margin:.4f}")


def pooled_spread(best_F: Floats, score_TF: Floats) -> tuple[float, int]:
    """Return the spread of the differences to the best trial from fold to fold, and its degrees of freedom.

    Each trial's own mean difference is taken off first. The half of the trials that are furthest behind is left out:
    those that learn nothing differ by chance alone, and say nothing of those that come close.
    """
    differs_TF = best_F - score_TF
    counts_T = (~np.isnan(differs_TF)).sum(axis=1)
    differs_TF = differs_TF[(counts_T > 1) & ~(differs_TF == 0).all(axis=1)]
    if not len(differs_TF):
        return 0.0, 0
    mean_T = np.nanmean(differs_TF, axis=1)
    near_TF = differs_TF[mean_T <= np.median(mean_T)]
    left_TF = near_TF - np.nanmean(near_TF, axis=1, keepdims=True)
    freedom = int((~np.isnan(near_TF)).sum() - len(near_TF))
    return math.sqrt(float(np.nansum(left_TF**2)) / freedom), freedom


def below_median(score_F: Floats, earlier_TF: Floats) -> Verdict | None:
    """Return why a trial is worse than half of the earlier ones on the folds that it has behind it, or None."""
    done_F = ~np.isnan(score_F)
    there_TF = earlier_TF[:, done_F]
    there_TF = there_TF[~np.isnan(there_TF).any(axis=1)]
    if len(there_TF) < FEWEST_MEDIAN or done_F.all() or not done_F.any():
        return None
    median, own = float(np.median(there_TF.mean(axis=1))), float(score_F[done_F].mean())
    return Verdict(f"below the median of the earlier trials on the same folds, {median:.4f}") if own < median else None


def verdict(rule: str, score_F: Sequence[float] | Floats, earlier_TF: Floats) -> Verdict | None:
    """Return why a trial ends early by ``search.prune``, or None."""
    judge = {"racing": race, "median": below_median}.get(rule)
    return None if judge is None or not len(earlier_TF) else judge(np.asarray(score_F, dtype=np.float64), earlier_TF)
