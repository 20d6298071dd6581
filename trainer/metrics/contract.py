"""What a metric is: one file of this folder, or of a package of the user's, with a function under its own name.

@metric(greater_is_better=True, tasks=SINGLE_LABEL, label="quadratic weighted kappa")
def qwk(target, proba, weights=None):
predicted = predicted_like(target, proba)
return cohen_kappa_score(target, predicted, weights="quadratic", sample_weight=weights)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Targets = NDArray[Any]  # int64, of numbers float64
Floats = NDArray[np.float64]
Compute = Callable[[Targets, Floats, Floats | None], float | None]
Meter = Callable[[Floats], Floats]  # weights_NB, one weighting of the rows per column -> value per column (B,)
MakeMeter = Callable[[Targets, Floats], Meter]

SINGLE_LABEL = ("binary", "multiclass")
MULTI_LABEL = ("multilabel",)
NUMBERS = ("regression",)


@dataclass(frozen=True)
class Metric:
    """A metric: what is known about it, and how it is computed.

    Attributes:
        compute: of target (N,) class indices, (N, L) labels of 0/1 or (N,) numbers; proba (N, C), rows summing to 1
            and C=2 for binary, or (N, L), of numbers the predictions (N, 1); and weights (N,) above 0, or None where
            every row counts the same. NaN or None where the metric is not defined for these rows.
        greater_is_better: its direction.
        tasks: where it is defined.
        label: shown to people.
        make_meter: the same for many weightings at once, which the bootstrap needs; without it the bootstrap
            calls ``compute`` on the rows drawn, for fewer resamples.
        limits: the least and the greatest value there is.
    """

    compute: Compute
    greater_is_better: bool
    tasks: tuple[str, ...]
    label: str
    make_meter: MakeMeter | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)

    def __call__(self, target: Targets, proba: Floats, weights: Floats | None = None) -> float:
        """Return the value for rows that count as their weights say; NaN where it is not defined."""
        if weights is not None and not (weights > 0).all():
            counted_N = weights > 0
            target, proba, weights = target[counted_N], proba[counted_N], weights[counted_N]
        if len(target) == 0:
            return math.nan
        value = self.compute(target, proba, weights)
        return math.nan if value is None else finite_or_nan(float(value))


def metric(
    *,
    greater_is_better: bool,
    tasks: tuple[str, ...],
    label: str = "",
    make_meter: MakeMeter | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Callable[[Callable[..., Any]], Metric]:
    """Make a metric of a function ``(target, proba, weights=None) -> float``; see ``Metric`` for the arguments.

    Raises:
        TypeError: a fact is missing or of the wrong kind.
    """
    if not isinstance(greater_is_better, bool):
        raise TypeError(f"greater_is_better={greater_is_better!r}: must be True or False")
    if not isinstance(tasks, tuple) or not tasks or not all(isinstance(task, str) for task in tasks):
        raise TypeError(f"tasks={tasks!r}: must be a tuple of tasks, such as {SINGLE_LABEL}")

    def made(compute: Callable[..., Any]) -> Metric:
        return Metric(compute, greater_is_better, tasks, label or compute.__name__, make_meter, limits)

    return made


def finite_or_nan(value: float) -> float:
    """Return the value, NaN where it is infinite: an infinite score ranks, averages and decides nothing."""
    return value if math.isfinite(value) else math.nan
