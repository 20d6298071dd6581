"""What thresholds are chosen for: a value of how many rows of each class are hit, there, and predicted.

``f1_macro``, ``mcc``, ... any metric that is computed of these counts; ``recall@precision=0.9``;
``precision@recall=0.8``; ``cost``, of a matrix.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, did_you_mean
from trainer.metrics.find import house_metrics, metric_named, name_problem
from trainer.metrics.weighted import FromCounts
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
Counted = Callable[[Floats, Floats, Floats, bool], Floats]

LEAST = re.compile(r"(recall|precision)@(recall|precision)=(.+)")
COST = "cost"


@dataclass(frozen=True)
class Objective:
    """What thresholds are chosen for.

    Attributes:
        name: as it was given.
        greater_is_better: its direction.
        of_counts: of (C, B) hits, true rows and predicted rows, and whether rows have labels; -inf, or inf where less
            is better, where it is not allowed.
        cost: (true, predicted) of classes, or of no and yes; None of other objectives.
        at_least: of ``recall@precision=x``: (what is to be great, what is to be x at least, x).
    """

    name: str
    greater_is_better: bool
    of_counts: Counted
    cost: Floats | None = None
    at_least: tuple[str, str, float] | None = None


def make_objective(name: str, task: Task, classes: Sequence[str], cost: str | None = None) -> Objective:
    """Return an objective by its name.

    Args:
        name: of a metric, ``recall@precision=x``, ``precision@recall=x`` or ``cost``.
        task: what is predicted.
        classes: label text per class.
        cost: matrix, or the file it is in; needed by ``cost`` and by nothing else.

    Raises:
        ConfigError: it is not for this task, or thresholds do not change it.
    """
    if not task.has_classes:
        raise ConfigError(f"--metric {name}: a number has no threshold; of numbers there is --coverage")
    if (cost is not None) != (name == COST):
        raise ConfigError("--cost and --metric cost go together: --metric cost --cost '0,1;5,0'")
    if cost is not None:
        return _of_cost(read_cost(cost, task, classes))
    match = LEAST.fullmatch(name)
    if match:
        return _at_least(name, match[1], match[2], match[3], task, classes)
    formula = _formula(name, task)
    return Objective(name, metric_named(name).greater_is_better, formula)


def _formula(name: str, task: Task) -> Counted:
    problem = name_problem(name, task)
    known = [one for one, metric in house_metrics().items() if task.name in metric.tasks and _counted(one) is not None]
    if problem and name not in house_metrics():
        raise ConfigError(
            f"--metric {name}: no such metric{did_you_mean(name, [*known, 'recall@precision=0.9', COST])}"
        )
    if problem:
        raise ConfigError(f"--metric: {problem}")
    formula = _counted(name)
    if formula is None:
        raise ConfigError(
            f"--metric {name}: no threshold changes it, or none can be searched for; have: {', '.join(known)}"
        )
    return formula


def _counted(name: str) -> Counted | None:
    made = metric_named(name).make_meter
    return made.formula if isinstance(made, FromCounts) else OF_MEANS.get(name)


def _hamming(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    return np.asarray((true_CB + said_CB - 2 * hit_CB).sum(axis=0))  # wrong labels: as many rows whatever is predicted


OF_MEANS: dict[str, Counted] = {"hamming_loss": _hamming}


# --- costs ---


def read_cost(text: str, task: Task, classes: Sequence[str]) -> Floats:
    """Return the matrix of ``0,1;5,0``, or of a file with such lines: a row per true class, a column per prediction.

    Raises:
        ConfigError: it is no matrix of numbers of the right size.
    """
    path = Path(text).expanduser()
    written = path.read_text(encoding="utf-8") if not _is_matrix(text) and path.is_file() else text
    lines = [line for line in re.split(r"[;\n]", written.strip()) if line.strip()]
    size = 2 if task.several_labels else len(classes)
    what = "each label: no, yes" if task.several_labels else f"the classes: {', '.join(classes[:5])}"
    wanted = f"{size} rows (true) of {size} numbers (predicted), for {what}"
    try:
        rows = [[float(cell) for cell in re.split(r"[,\s]+", line.strip())] for line in lines]
    except ValueError as error:
        raise ConfigError(f"--cost {text}: {error}\ngive {wanted}, such as '0,1;5,0'") from error
    if [len(row) for row in rows] != [size] * size:
        found = f"{len(rows)} rows of {', '.join(sorted({str(len(row)) for row in rows}))} numbers"
        raise ConfigError(f"--cost {text}: {found}\ngive {wanted}")
    matrix = np.array(rows)
    if not np.isfinite(matrix).all():
        raise ConfigError(f"--cost {text}: every cost must be finite")
    return matrix


def _is_matrix(text: str) -> bool:
    return bool(re.fullmatch(r"[-+.\deE,;\s]+", text))


def _of_cost(cost: Floats) -> Objective:
    def total(hit_CB: Floats, true_CB: Floats, said_CB: Floats, multi_label: bool) -> Floats:
        """Return the cost of two classes, of which the second is the positive one, or of all labels together."""
        hit, true, said = (counts if multi_label else counts[1:] for counts in (hit_CB, true_CB, said_CB))
        # rows that are truly negative and not predicted are all others: a constant that no threshold changes
        false, missed = said - hit, true - hit
        gap = cost[1, 1] * hit + cost[1, 0] * missed + (cost[0, 1] - cost[0, 0]) * false
        return np.asarray(gap.sum(axis=0))

    return Objective(COST, greater_is_better=False, of_counts=total, cost=cost)


def mean_cost(cost: Floats, task: Task, target: Target, predicted: Target) -> float:
    """Return the mean cost of a row, of labels that of a label."""
    return float(cost[target, predicted].mean())


# --- the best of one where the other is enough ---


def _at_least(name: str, great: str, enough: str, number: str, task: Task, classes: Sequence[str]) -> Objective:
    if great == enough:
        raise ConfigError(f"--metric {name}: use recall@precision={number} or precision@recall={number}")
    if not (task.several_labels or len(classes) == 2):
        raise ConfigError(
            f"--metric {name} is for a yes or no: two classes, or labels; this task has {len(classes)} classes"
        )
    try:
        least = float(number)
    except ValueError:
        least = math.nan
    if not 0 < least <= 1:
        raise ConfigError(f"--metric {name}: {number} must be above 0 and at most 1, such as {great}@{enough}=0.9")

    def of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, multi_label: bool) -> Floats:
        hit, true, said = (counts if multi_label else counts[1:] for counts in (hit_CB, true_CB, said_CB))
        recall = np.divide(hit, true, out=np.zeros_like(hit), where=true > 0)
        precision = np.divide(hit, said, out=np.zeros_like(hit), where=said > 0)
        value, other = (recall, precision) if great == "recall" else (precision, recall)
        return np.asarray(np.where(other >= least - 1e-12, value, -math.inf).sum(axis=0))

    return Objective(name, greater_is_better=True, of_counts=of_counts, at_least=(great, enough, least))
