"""Metrics that somebody names are tried before training: a wrong one is told in seconds, not after the folds."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.errors import first_line_of
from trainer.metrics.find import load_metric, name_problem
from trainer.metrics.predictions import read_only
from trainer.tasks import Target, Task, of_target

_TRIED_ROWS = 10_000  # of a fold at most


def check_names(names: Sequence[str], task: Task, plugins: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with ``metrics.names`` for this task, one line each; empty when all is well."""
    problems = []
    for name in dict.fromkeys(names):
        problem = name_problem(name, task, plugins)
        if problem is not None:
            problems.append(f"metrics.names: {problem}")
        if list(names).count(name) > 1:
            problems.append(f"metrics.names: '{name}' is listed {list(names).count(name)} times")
    return problems


def try_metrics(
    names: Sequence[str], targets: Iterable[Target], n_classes: int, plugins: Sequence[str] = ()
) -> list[str]:
    """Compute each metric of good, random and constant predictions; return what is wrong, one line per metric.

    Args:
        names: that ``check_names`` has passed.
        targets: of each fold's held-out rows: one that fails where a class is missing fails here.
        n_classes: C, or the number of labels L.
        plugins: packages of the user's.
    """
    problems: dict[str, str] = {}
    for target in (target[:_TRIED_ROWS] for target in targets if len(target)):
        for proba in _predictions(target, n_classes):
            for name in (name for name in names if name not in problems):
                problem = _problem(name, target, proba, plugins)
                if problem is not None:
                    problems[name] = f"metrics.names: '{name}' {problem}"
    return list(problems.values())


def _predictions(target: Target, n_classes: int) -> list[NDArray[np.float64]]:
    task = of_target(target)
    right = task.right(target, n_classes)
    random, constant = np.random.default_rng(0).random(right.shape), np.zeros_like(right)
    constant[:, 0] = 1
    return [right, task.as_float64(random), constant]


def _problem(name: str, target: Target, proba: NDArray[np.float64], plugins: Sequence[str]) -> str | None:
    try:
        tried = load_metric(name, plugins)
        if tried.lacks_class(target, proba):
            return None
        value = tried.compute(*read_only(target, proba), None)
    except Exception as error:  # a function of the user's may raise anything
        return f"raised {type(error).__name__} on {len(target)} held-out rows: {first_line_of(error)}"
    try:
        float(math.nan if value is None else value)
    except (TypeError, ValueError):
        return f"returned {value!r}, not a number (NaN where it is not defined)"
    return None
