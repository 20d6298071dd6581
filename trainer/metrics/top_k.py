"""Top-k accuracy: the share of rows whose class is among the k likeliest; ``top_k@5``; 2 unless told."""

import math

import numpy as np

from trainer.metrics.contract import Floats, MakeMeter, Number, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _of_row(target: Targets, proba: Floats, k: int) -> Floats:
    if k >= proba.shape[1]:
        return np.full(len(target), math.nan)
    likeliest_NK = np.argsort(-proba, axis=1, kind="stable")[:, :k]  # as argmax: of equal ones the first
    return np.asarray((likeliest_NK == target[:, None]).any(axis=1), dtype=np.float64)


def _meter(k: float) -> MakeMeter:
    return mean_of_rows(lambda target, proba: _of_row(target, proba, int(k)))


@metric(
    greater_is_better=True,
    limits=(0, 1),
    tasks=("multiclass",),
    label="top-{:g} accuracy",
    make_meter=_meter,
    number=Number("k", 2, above=0, most=math.inf, whole=True),
)
def top_k(target: Targets, proba: Floats, weights: Floats | None = None, *, k: float) -> float:
    """Return the weighted share of rows; of equal probabilities the first class counts as the likelier.

    NaN where there are no more than k classes: the share would be 1 whatever is predicted.
    """
    return float(np.average(_of_row(target, proba, int(k)), weights=weights))
