"""Plain records of what training found. NumPy only: no torch, no I/O."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import Target, Task


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one fold.

    Attributes:
        epoch: counted from 1.
        step: optimizer steps taken so far.
        train_loss: weighted mean over the epoch's rows.
        lr: of the first parameter group, after the epoch's last step.
        seconds: training and monitoring of this epoch.
        skipped_steps: optimizer steps skipped for overflow so far.
        loss_scale: in force after the epoch.
        monitor: metrics on the rows that pick the epoch (empty under ``select=last``).
    """

    epoch: int
    step: int
    train_loss: float
    lr: float
    seconds: float
    skipped_steps: int = 0
    loss_scale: float = 1.0
    monitor: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldResult:
    """What one fold says about its held-out rows.

    Attributes:
        repeat: from 0.
        fold: from 0.
        rows: (V,) row numbers of the held-out rows, ascending.
        logits: (V, n_outputs) float32.
        proba: (V, n_classes) float32; multi-label: (V, L); of numbers the predictions (V, 1) float64.
        loss: (V,) float32 value of the training loss per row.
        metrics: by name, on the held-out rows.
        epochs: what each epoch recorded.
        best_epoch: the epoch that was scored.
        n_train: rows trained on.
        seconds: the whole fold.
        picked: under nested cross validation, what the inner folds picked: ``values`` by dotted key, ``epoch``,
            ``metric``, its mean inner ``score``, ``candidates``, ``inner_folds`` and how many candidates ``diverged``.
    """

    repeat: int
    fold: int
    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    proba: NDArray[Any]
    loss: NDArray[np.float32]
    metrics: dict[str, float]
    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    n_train: int
    seconds: float
    picked: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricSummary:
    """One metric over all folds.

    Attributes:
        folds: value per fold, in (repeat, fold) order.
        mean: of those ``folds`` in which the metric is defined; NaN where it is in none.
        sd: sample standard deviation of the same (ddof=1); 0.0 for one fold.
        oof: on the pooled out-of-fold predictions (mean over repeats).
        ci95: percentile bootstrap interval of ``oof`` over rows (or groups), or None where undefined.
    """

    folds: tuple[float, ...]
    mean: float
    sd: float
    oof: float
    ci95: tuple[float, float] | None

    @property
    def n_defined(self) -> int:
        """In how many folds the metric is defined."""
        return sum(not math.isnan(value) for value in self.folds)


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of all rows, one entry per row and repeat, in the order of the input rows.

    Attributes:
        ids: (M,) text, M = repeats x N.
        fold: (M,) held-out fold of the row.
        repeat: (M,).
        target: (M,) class index, or (M, L).
        proba: (M, n_classes) or (M, L); of numbers the predictions (M, 1).
        logits: (M, n_outputs).
        loss: (M,).
        group: (M,) number of the group of the row; None = there are no groups.
    """

    ids: NDArray[np.str_]
    fold: NDArray[np.int64]
    repeat: NDArray[np.int64]
    target: Target
    proba: NDArray[Any]
    logits: NDArray[np.float32]
    loss: NDArray[np.float32]
    group: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Lead:
    """By how much a run is ahead of a baseline in one metric; positive is better in every metric.

    Attributes:
        folds: difference per fold, in (repeat, fold) order; NaN where either is undefined.
        mean: of those that are defined; NaN where none is.
        sd: sample standard deviation of the same; 0.0 for one fold.
        oof: on the pooled out-of-fold predictions.
        ci95: percentile bootstrap interval of ``oof`` over rows, the same rows drawn for both; of the leading metric
            only, else None.
    """

    folds: tuple[float, ...]
    mean: float
    sd: float
    oof: float
    ci95: tuple[float, float] | None = None

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or ``tie`` where the interval holds 0; empty where there is none."""
        if self.ci95 is None:
            return ""
        return "better" if self.ci95[0] > 0 else "worse" if self.ci95[1] < 0 else "tie"


@dataclass(frozen=True)
class Baseline:
    """A quick model on the folds of a run.

    Attributes:
        model: what was fitted, in words.
        metrics: of its held-out predictions, by name, without intervals; empty where it was skipped.
        lead: of the run, by metric.
        seconds: summed over folds.
        skipped: why it was not fitted in every fold, or empty.
    """

    model: str
    metrics: dict[str, MetricSummary] = field(default_factory=dict)
    lead: dict[str, Lead] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: str = ""


@dataclass(frozen=True)
class CVResult:
    """The result of a whole cross validation, as written to cv.json.

    Attributes:
        n_splits: folds per repeat.
        repeats: how often the rows were split again.
        task: what was predicted; its name in cv.json.
        classes: label text per class index.
        fingerprint: of the fold plan.
        primary: the metric that leads the tables.
        metrics: by name.
        optimism: by metric, score at the epoch the fold itself picked minus the honest score; ``select=fold`` only.
        seconds: training time summed over folds.
        amp: properties in force, skipped steps and final loss scale per fold.
        profile: the profile at start, or empty.
        picked: per fold, what nested cross validation picked (see ``FoldResult``); else empty.
        undefined: by metric, in which folds it is undefined and why; nothing of one that is defined in all.
        baselines: quick models on the same folds, by name.
        positive: of a binary task, the class that precision, recall and ranking metrics speak of; else None.
        n_groups: how many groups the intervals are drawn from, each with all its rows; None = rows are drawn.
        seeds: where the same folds were trained under several: ``seeds``, and by metric under ``metrics`` the value out
            of fold under each, their ``sd``, and the variance of a fold's value from ``seed``, ``rows`` and ``folds``.
    """

    n_splits: int
    repeats: int
    task: Task
    classes: tuple[str, ...]
    fingerprint: str
    primary: str
    metrics: dict[str, MetricSummary]
    optimism: dict[str, float]
    seconds: float
    amp: dict[str, Any]
    profile: dict[str, Any]
    picked: list[dict[str, Any]] = field(default_factory=list)
    undefined: dict[str, str] = field(default_factory=dict)
    positive: str | None = None
    n_groups: int | None = None
    baselines: dict[str, Baseline] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)

    @property
    def n_different(self) -> int:
        """Repeats that split the rows otherwise; the others have the same folds under another seed."""
        return self.repeats // max(1, len(self.seeds.get("seeds", ())))
