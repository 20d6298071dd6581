"""Mean cost of a row where a missed positive costs so many false alarms: ``cost@20``; 5 unless told."""

import math

import numpy as np

from trainer.metrics.contract import BINARY_ONLY, Floats, MakeMeter, Number, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import mean_of_rows


def _of_row(target: Targets, proba: Floats, missed: float) -> Floats:
    said = predicted_like(target, proba)
    return np.where(said == target, 0.0, np.where(target == 1, missed, 1.0))


def _meter(missed: float) -> MakeMeter:
    return mean_of_rows(lambda target, proba: _of_row(target, proba, missed))


@metric(
    greater_is_better=False,
    limits=(0, math.inf),
    tasks=BINARY_ONLY,
    label="cost (missed {:g})",
    make_meter=_meter,
    number=Number("missed", 5, above=0, most=math.inf),
)
def cost(target: Targets, proba: Floats, weights: Floats | None = None, *, missed: float) -> float:
    """Return the weighted mean cost at the decision of ``argmax``: a false alarm costs 1."""
    return float(np.average(_of_row(target, proba, missed), weights=weights))
