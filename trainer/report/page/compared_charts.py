"""What the page of a comparison draws: the curves of several runs on the same axes, and their scores fold by fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.predictions import one_class
from trainer.metrics.ranking import ranking
from trainer.report.page.charts import MOST_CLASSES, POINTS, points_of, rounded, sampled_rows
from trainer.report.page.class_scores import scores_of_classes
from trainer.report.page.curves import precision_recall, reliability, roc
from trainer.tasks import Target, Task


@dataclass(frozen=True)
class RunToDraw:
    """A run of a comparison.

    Attributes:
        name: shown to people.
        target: (M,) or (M, L) of held-out rows, repeat after repeat.
        proba: (M, C) of the same.
        folds: the metric in each fold.
    """

    name: str
    target: Target
    proba: NDArray[np.float64]
    folds: tuple[float, ...]


def compared_charts(
    task: Task, classes: Sequence[str], runs: Sequence[RunToDraw], folds: Sequence[str], label: str
) -> dict[str, Any]:
    """Return what is drawn, as plain values.

    Args:
        task: of all runs.
        classes: their names.
        runs: two at least.
        folds: names of the folds; none where the runs have others.
        label: of the metric.
    """
    scores = [[float(value) if np.isfinite(value) else None for value in run.folds] for run in runs]
    return {
        "runs": [run.name for run in runs],
        "folds": list(folds),
        "scores": scores,
        "metric": label,
        "classes": _classes(task, classes, runs) if task.has_classes else [],
    }


def _classes(task: Task, classes: Sequence[str], runs: Sequence[RunToDraw]) -> list[dict[str, Any]]:
    weakest = scores_of_classes(task, len(classes), runs[0].target, runs[0].proba).weakest()
    support_C = task.class_counts(runs[0].target, len(classes))
    alone = task.positive_class(classes) is not None
    drawn = [1] if alone else [k for k in weakest if support_C[k]][:MOST_CLASSES]
    shown_M = [sampled_rows(len(run.target), len(drawn) * len(runs)) for run in runs]
    found = []
    for k in drawn:
        lines = [
            _lines(*one_class(run.target[rows], run.proba[rows], k)) for run, rows in zip(runs, shown_M, strict=True)
        ]
        found.append({"name": classes[k], "runs": lines})
    return found


def _lines(truth_M: NDArray[np.bool_], score_M: NDArray[np.float64]) -> dict[str, Any]:
    whole, bins = ranking(truth_M, score_M), reliability(truth_M, score_M)
    return {
        "roc": points_of(roc(whole), POINTS),
        "pr": points_of(precision_recall(whole), POINTS),
        "reliability": [rounded(bins.said_B), rounded(bins.share_B)],
    }
