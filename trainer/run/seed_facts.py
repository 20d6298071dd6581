"""What the seeds of a run say: its metrics under each, and how much of their spread is the seed."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.evidence.not_defined import NotDefined
from trainer.evidence.seed_spread import seed_spread
from trainer.folds.plan import FoldPlan
from trainer.metrics.scores import score
from trainer.metrics.summary import mean_of_defined
from trainer.results import MetricSummary, OutOfFold
from trainer.tasks import Task

NORMAL_95 = 1.959964  # half the width of a 95 % interval, in standard errors


def seed_facts(plan: FoldPlan, metrics: dict[str, MetricSummary], oof: OutOfFold, task: Task) -> dict[str, Any]:
    """Return the spread of each metric over seeds, as plain values; empty where there is one seed.

    Args:
        plan: with the seeds.
        metrics: of the whole run.
        oof: of all rows, repeats and seeds.
        task: what is predicted.
    """
    if not plan.seeds:
        return {}
    values = _out_of_fold(plan, list(metrics), oof, task)
    return {
        "seeds": list(plan.seeds),
        "metrics": {name: _spread(plan, summary, values[name]) for name, summary in metrics.items()},
    }


def _out_of_fold(plan: FoldPlan, names: Sequence[str], oof: OutOfFold, task: Task) -> dict[str, list[float]]:
    """Return by metric its value under each seed, mean over the repeats that split the rows otherwise."""
    parts = [oof.repeat == repeat for repeat in range(plan.repeats)]
    points = [score(names, task, oof.target[part_M], oof.proba[part_M]) for part_M in parts]
    n = plan.n_different
    return {
        name: [mean_of_defined([point[name] for point in points[s * n : (s + 1) * n]]) for s in range(len(plan.seeds))]
        for name in names
    }


def _spread(plan: FoldPlan, summary: MetricSummary, oof: Sequence[float]) -> dict[str, Any]:
    se = math.nan if summary.ci95 is None else (summary.ci95[1] - summary.ci95[0]) / (2 * NORMAL_95)
    value_SJ = np.array(summary.folds).reshape(len(plan.seeds), -1)
    found = seed_spread(value_SJ, np.array(oof), n_splits=plan.n_splits, oof_se=se)
    if isinstance(found, NotDefined):
        return {"oof": list(oof), "undefined": found.why}
    return {**asdict(found), "shares": found.shares()}
