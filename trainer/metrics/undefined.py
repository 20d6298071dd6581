"""Where a metric says nothing: rows that lack what it is made of, and the reason in words."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.metrics.predictions import read_only
from trainer.tasks import Target, Task, of_target

_MOST_NAMED = 3


def cannot_decide(name: str, target: Target, n_classes: int) -> bool:
    """Return whether a metric is the same, or not defined, however well these rows are predicted.

    Right predictions are compared with wrong ones. Average precision, say, is not defined without a positive row, and
    is 1 whatever is predicted where all are positive: it can choose no epoch on either.

    Args:
        name: of a metric.
        target: of the rows.
        n_classes: C, or the number of labels L.
    """
    if not len(target):
        return True
    task = of_target(target)
    right = task.right(target, n_classes)
    wrong = task.as_float64(1 - right) if task.has_classes else -1 - right  # the order of numbers turned round
    try:
        best, worst = (metric_named(name)(*read_only(target, proba)) for proba in (right, wrong))
    except Exception:  # a function of the user's may raise anything; it has been tried on the held-out rows
        return False
    return best == worst or (math.isnan(best) and math.isnan(worst))


def lacking(task: Task, target: Target, classes: Sequence[str]) -> str:
    """Return what the rows lack, such as ``no row of class 'yes'``; empty where they have every class.

    Args:
        task: what is predicted.
        target: of the rows.
        classes: label text per class.
    """
    counts_C = task.class_counts(target, len(classes))
    of = "with" if task.several_labels else "of"
    parts = [f"no row {of} {task.noun} {_named(classes, counts_C == 0)}"] if (counts_C == 0).any() else []
    if task.several_labels and (counts_C == len(target)).any():
        parts.append(f"no row without {task.noun} {_named(classes, counts_C == len(target))}")
    return " and ".join(parts)


def _named(classes: Sequence[str], chosen_C: NDArray[np.bool_]) -> str:
    names = [f"'{name}'" for name, chosen in zip(classes, chosen_C.tolist(), strict=True) if chosen]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return " or ".join(names[:_MOST_NAMED]) + more
