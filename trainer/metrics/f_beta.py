"""F-beta of the positive class: ``f_beta@2`` counts recall as twice as important as precision; 2 unless told."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, MakeMeter, Number, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _meter(beta: float) -> MakeMeter:
    def of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
        f_B = ratio((1 + beta**2) * hit_CB[1], beta**2 * true_CB[1] + said_CB[1])
        return np.where(true_CB[1] > 0, f_B, math.nan)

    return from_counts(of_counts)


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=BINARY_ONLY,
    label="F-beta ({:g})",
    make_meter=_meter,
    number=Number("beta", 2, above=0, most=math.inf),
)
def f_beta(target: Targets, proba: Floats, weights: Floats | None = None, *, beta: float) -> float:
    """Return the F-beta at the decision of ``argmax``; NaN where no row is positive."""
    from sklearn.metrics import fbeta_score

    if not target.any():
        return math.nan
    predicted = predicted_like(target, proba)
    return float(fbeta_score(target, predicted, beta=beta, zero_division=0.0, sample_weight=weights))
