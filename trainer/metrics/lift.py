"""Lift: positives in the share of rows with the highest scores, over those in as many by chance; 0.1 unless told."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, Number, Targets, metric


@metric(
    greater_is_better=True,
    limits=(0, math.inf),
    tasks=BINARY_ONLY,
    label="lift at {:g}",
    number=Number("share", 0.1, above=0, most=1),
)
def lift(target: Targets, proba: Floats, weights: Floats | None = None, *, share: float) -> float:
    """Return the lift of the top ``share`` of the rows; rows that tie at its end count in part, all alike.

    NaN where no row is positive.
    """
    weights_N = np.ones(len(target)) if weights is None else weights
    if not target.any():
        return math.nan
    place_N = np.unique(-proba[:, 1], return_inverse=True)[1]
    rows_U, hits_U = np.bincount(place_N, weights_N), np.bincount(place_N, weights_N * target)
    room = share * rows_U.sum()
    before_U = np.concatenate([[0.0], rows_U.cumsum()[:-1]])
    taken_U = np.clip((room - before_U) / rows_U, 0, 1)
    return float((taken_U * hits_U).sum() / room / (hits_U.sum() / rows_U.sum()))
