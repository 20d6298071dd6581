"""What a metric is: one file of this folder, or of a package of the user's, with a function under its own name.

@metric(greater_is_better=True, tasks=SINGLE_LABEL, label="quadratic weighted kappa", ordered=True)
def qwk(target, proba, weights=None):
labels = range(proba.shape[1])  # else a class that these rows lack brings its neighbours nearer to each other
predicted = predicted_like(target, proba)
return cohen_kappa_score(target, predicted, labels=labels, weights="quadratic", sample_weight=weights)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import of_target

Targets = NDArray[Any]  # int64, of numbers float64
Floats = NDArray[np.float64]
Compute = Callable[[Targets, Floats, Floats | None], float | None]
Meter = Callable[[Floats], Floats]  # weights_NB, one weighting of the rows per column -> value per column (B,)
MakeMeter = Callable[[Targets, Floats], Meter]

BINARY_ONLY = ("binary",)
SINGLE_LABEL = ("binary", "multiclass")
MULTI_LABEL = ("multilabel",)
NUMBERS = ("regression",)


@dataclass(frozen=True)
class Number:
    """The number that a metric takes behind its name, as in ``f_beta@2``.

    Attributes:
        name: the keyword of ``compute``.
        default: of the name alone.
        above: what it has to be greater than.
        most: what it may be at most.
        whole: whether it has to be a whole number.
    """

    name: str
    default: float
    above: float
    most: float
    whole: bool = False

    def problem(self, value: float) -> str | None:
        """Return what is wrong with a value, or None."""
        if self.above < value <= self.most and math.isfinite(value) and (not self.whole or value == int(value)):
            return None
        kind = "whole number" if self.whole else "number"
        return f"a {kind} above {self.above:g}" + (f", at most {self.most:g}" if math.isfinite(self.most) else "")


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
        number: that may stand behind the name, or None.
        ordered: whether it counts how many classes a mistake is off, so that their order is part of it.
        every_class: whether it is undefined on rows that lack a class or a label, as a mean over the others would be a
            mean of something else.
        at: gives the same metric for another number.
    """

    compute: Compute
    greater_is_better: bool
    tasks: tuple[str, ...]
    label: str
    make_meter: MakeMeter | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)
    number: Number | None = None
    ordered: bool = False
    every_class: bool = False
    at: "Callable[[float], Metric] | None" = None

    def __call__(self, target: Targets, proba: Floats, weights: Floats | None = None) -> float:
        """Return the value for rows that count as their weights say; NaN where it is not defined."""
        if weights is not None and not (weights > 0).all():
            counted_N = weights > 0
            target, proba, weights = target[counted_N], proba[counted_N], weights[counted_N]
        if len(target) == 0 or self.lacks_class(target, proba):
            return math.nan
        value = self.compute(target, proba, weights)
        return math.nan if value is None else finite_or_nan(float(value))

    def lacks_class(self, target: Targets, proba: Floats) -> bool:
        """Return whether the metric needs a row of every class, or with every label, and these have none of one."""
        return self.every_class and not of_target(target).class_counts(target, proba.shape[1]).all()


def metric(
    *,
    greater_is_better: bool,
    tasks: tuple[str, ...],
    label: str = "",
    make_meter: Callable[..., Any] | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
    number: Number | None = None,
    ordered: bool = False,
    every_class: bool = False,
) -> Callable[[Callable[..., Any]], Metric]:
    """Make a metric of a function ``(target, proba, weights=None) -> float``; see ``Metric`` for the arguments.

    With a ``number`` the function takes it by its keyword too, ``make_meter`` is a function of it that returns what
    makes the meter, and ``{}`` in the label stands for it.

    Raises:
        TypeError: a fact is missing or of the wrong kind.
    """
    if not isinstance(greater_is_better, bool):
        raise TypeError(f"greater_is_better={greater_is_better!r}: must be True or False")
    if not isinstance(tasks, tuple) or not tasks or not all(isinstance(task, str) for task in tasks):
        raise TypeError(f"tasks={tasks!r}: must be a tuple of tasks, such as {SINGLE_LABEL}")

    def made(compute: Callable[..., Any]) -> Metric:
        name = label or compute.__name__
        if number is None:
            return Metric(compute, greater_is_better, tasks, name, make_meter, limits, None, ordered, every_class)

        def at(value: float) -> Metric:
            told = update_wrapper(partial(compute, **{number.name: value}), compute)
            meter = None if make_meter is None else make_meter(value)
            label_here = name.format(value)
            return Metric(told, greater_is_better, tasks, label_here, meter, limits, number, ordered, every_class, at)

        return at(number.default)

    return made


def finite_or_nan(value: float) -> float:
    """Return the value, NaN where it is infinite: an infinite score ranks, averages and decides nothing."""
    return value if math.isfinite(value) else math.nan
