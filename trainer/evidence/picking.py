"""What picking the best of several models costs: bootstrap bias-corrected cross validation (BBC-CV).

Tsamardinos, Greasidou, Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", Machine Learning 107, 2018, algorithm 4. The score of the best of N is too good: part of it is luck
on these rows. So the picking itself is done again on rows drawn with replacement, and the one that is picked there is
scored on the rows that were not drawn, which had no say in it. Nothing is trained again.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.not_defined import NotDefined

Floats = NDArray[np.float64]
_MIN_DEFINED = 0.9  # share of the draws that have to say something
_FEWEST_DRAWS = 30


@dataclass(frozen=True)
class Picked:
    """The best of several models, and what it is worth.

    Attributes:
        best: which one is the best on all rows, from 0.
        score: its metric there.
        corrected: the same without what picking it lends it.
        ci95: percentiles of the draws; too wide rather than too narrow, for fewer rows are scored in each.
        stability: share of the draws that pick the same one.
        n_models: picked from.
        n_draws: that say something.
    """

    best: int
    score: float
    corrected: float
    ci95: tuple[float, float]
    stability: float
    n_models: int
    n_draws: int


def corrected_for_picking(
    score_K: Floats, drawn_KD: Floats, left_out_KD: Floats, *, greater_is_better: bool
) -> Picked | NotDefined:
    """Return the score of the best model, corrected for having been picked.

    Args:
        score_K: metric of each model on all rows; NaN where it is undefined.
        drawn_KD: on the rows that are drawn, the same rows for all models; NaN likewise.
        left_out_KD: on those that are not drawn.
        greater_is_better: direction of the metric.
    """
    if len(score_K) < 2:
        return NotDefined("a single model: nothing was picked")
    if np.isnan(score_K).all():
        return NotDefined("the metric is undefined for every model")
    sign = 1.0 if greater_is_better else -1.0
    n_draws = drawn_KD.shape[1]
    picked_D = np.where(np.isnan(drawn_KD), -math.inf, sign * drawn_KD).argmax(axis=0)  # the first of equals, as below
    value_D = left_out_KD[picked_D, np.arange(n_draws)]
    known_D = np.isfinite(value_D) & ~np.isnan(drawn_KD).all(axis=0)
    n_known = int(known_D.sum())
    if n_known < max(_FEWEST_DRAWS, _MIN_DEFINED * n_draws):
        return NotDefined(f"the metric is undefined in {n_draws - n_known} of {n_draws} draws of the rows")
    best = int(np.where(np.isnan(score_K), -math.inf, sign * score_K).argmax())
    low, high = np.percentile(value_D[known_D], [2.5, 97.5])
    return Picked(
        best=best,
        score=float(score_K[best]),
        corrected=float(value_D[known_D].mean()),
        ci95=(float(low), float(high)),
        stability=float((picked_D[known_D] == best).mean()),
        n_models=len(score_K),
        n_draws=n_known,
    )
