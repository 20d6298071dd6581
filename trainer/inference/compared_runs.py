"""What is compared: a metric of each run, on its held-out rows, in its folds, and on rows drawn with the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.inference.held_out import Floats, HeldOut
from trainer.metrics.bootstrap import Predictions, percentile_interval, resample_together
from trainer.metrics.scores import score
from trainer.metrics.summary import mean_of_defined
from trainer.metrics.undefined import lacking

ROUGH_FOLD = 5  # rows held out: a fold of fewer says mostly chance


@dataclass(frozen=True)
class ComparedRun:
    """A run with its metric.

    Attributes:
        name: shown to people.
        run: what it predicted.
        score: on the held-out rows, mean over repeats; NaN where it is undefined.
        folds: in each fold, in (repeat, fold) order; NaN where it is undefined.
        drawn_D: on the rows of each draw.
        undefined: why it is in some folds, or in the score; or empty.
        by_seed: the score under each seed; empty where there is one.
    """

    name: str
    run: HeldOut
    score: float
    folds: tuple[float, ...]
    drawn_D: Floats
    undefined: str = ""
    by_seed: tuple[float, ...] = ()

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The interval of ``score``."""
        return percentile_interval(self.drawn_D)

    @property
    def mean(self) -> float:
        """Over the folds in which it is defined."""
        return mean_of_defined(self.folds)

    @property
    def seed_sd(self) -> float:
        """Standard deviation of the score from seed to seed; NaN where the run has one."""
        return float(np.std(self.by_seed, ddof=1)) if len(self.by_seed) > 1 else math.nan

    @property
    def sd(self) -> float:
        """Of the same."""
        defined = np.array(self.folds)[np.isfinite(self.folds)]
        return float(defined.std(ddof=1)) if len(defined) > 1 else math.nan


@dataclass(frozen=True)
class Drawing:
    """From what rows are drawn.

    Attributes:
        rows: (U,) those that are held out in any repeat.
        group_U: the group of each, numbered from 0; None = rows are drawn.
    """

    rows: NDArray[np.int64]
    group_U: NDArray[np.int64] | None

    @property
    def n_groups(self) -> int | None:
        """How many groups there are; None = rows are drawn."""
        return None if self.group_U is None else int(self.group_U.max()) + 1


def drawing_of(runs: Sequence[HeldOut]) -> Drawing:
    """Return what is drawn: whole groups where any of the runs has groups of several rows."""
    rows = np.flatnonzero((runs[0].plan.fold_of_row >= 0).any(axis=0))
    group_N = next((run.group_N for run in runs if run.group_N is not None), None)
    if group_N is None:
        return Drawing(rows, None)
    groups, group_U = np.unique(group_N[rows], return_inverse=True)
    return Drawing(rows, group_U if len(groups) < len(rows) else None)


def compared_runs(metric: str, runs: Sequence[HeldOut], drawing: Drawing, *, seed: int = 0) -> list[ComparedRun]:
    """Compute a metric of runs of the same rows, on draws that they share.

    Args:
        metric: its name.
        runs: in the same order of rows.
        drawing: from what rows are drawn.
        seed: of the drawing.
    """
    names = names_of([run.directory for run in runs])
    drawn_KD = _drawn(metric, runs, drawing, seed)
    folds = [_by_fold(metric, run) for run in runs]
    return [
        ComparedRun(name, run, mean_score(metric, run), values, drawn_D, _undefined(values, run), _by_seed(metric, run))
        for name, run, values, drawn_D in zip(names, runs, folds, drawn_KD, strict=True)
    ]


def names_of(directories: Sequence[Path]) -> list[str]:
    """Return the directories' own names, or the paths where two have the same."""
    names = [directory.resolve().name for directory in directories]
    return names if len(set(names)) == len(names) else [str(directory) for directory in directories]


def held_out_rows(run: HeldOut, repeat: int) -> NDArray[np.int64]:
    """Return the rows that a repeat predicts."""
    return np.flatnonzero(run.plan.fold_of_row[repeat] >= 0)


def mean_score(metric: str, run: HeldOut) -> float:
    """Return a metric on the held-out rows, mean over repeats; NaN where it is undefined in all."""
    return mean_of_defined(_by_repeat(metric, run))


def _by_repeat(metric: str, run: HeldOut) -> list[float]:
    return [_value(metric, run, repeat, held_out_rows(run, repeat)) for repeat in range(run.plan.repeats)]


def _by_seed(metric: str, run: HeldOut) -> tuple[float, ...]:
    """Return the score under each seed, mean over the repeats that split the rows otherwise."""
    values, n = _by_repeat(metric, run), run.plan.n_different
    return tuple(mean_of_defined(values[at : at + n]) for at in range(0, len(values), n)) if run.plan.seeds else ()


def _by_fold(metric: str, run: HeldOut) -> tuple[float, ...]:
    parts = (divmod(number, run.plan.n_splits) for number in range(run.plan.n_folds))
    return tuple(_value(metric, run, repeat, run.plan.rows(repeat, fold)[1]) for repeat, fold in parts)


def _value(metric: str, run: HeldOut, repeat: int, rows: NDArray[np.int64]) -> float:
    return score([metric], run.task, run.target[rows], run.proba_RNC[repeat, rows].astype(_dtype(run)))[metric]


def _dtype(run: HeldOut) -> type:
    """Return the precision in which a fold scored its predictions."""
    return np.float32 if run.task.has_classes else np.float64


def _drawn(metric: str, runs: Sequence[HeldOut], drawing: Drawing, seed: int) -> Floats:
    """Return (K, D) the metric of each run on each draw, mean over repeats; no draws of a single group."""
    if drawing.n_groups == 1:
        return np.zeros((len(runs), 0))
    place_N = np.full(len(runs[0].ids_N), -1)
    place_N[drawing.rows] = np.arange(len(drawing.rows))
    parts = []
    for run in runs:
        for repeat in range(run.plan.repeats):
            rows = held_out_rows(run, repeat)
            places = None if len(rows) == len(drawing.rows) else place_N[rows]
            proba = run.proba_RNC[repeat, rows].astype(_dtype(run))
            parts.append(Predictions(run.target[rows], proba, places))
    drawn_PD = resample_together(
        metric, runs[0].task, parts, n_rows=len(drawing.rows), group_N=drawing.group_U, seed=seed
    )
    return np.asarray(drawn_PD.reshape(len(runs), -1, drawn_PD.shape[1]).mean(axis=1))


def _undefined(values: Sequence[float], run: HeldOut) -> str:
    """Return in which folds the metric is undefined and what these lack; empty where it is in none."""
    places = [number for number, value in enumerate(values) if math.isnan(value)]
    if not places:
        return ""
    repeat, fold = divmod(places[0], run.plan.n_splits)
    what = lacking(run.task, run.target[run.plan.rows(repeat, fold)[1]], run.classes) or "rows it is not defined on"
    return f"undefined in {len(places)} of {len(values)} folds: fold {places[0]} holds out {what}"
