"""One fold from its first step to its held-out predictions."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.config.errors import NonFiniteError
from trainer.data.batches import TrainingSet, training_order
from trainer.data.samples import DataSpec
from trainer.engine.loops import Learner, Totals, predict, train_epoch
from trainer.metrics import METRICS, better, score
from trainer.results import EpochRecord, FoldResult
from trainer.trackers.observer import Observer

PROGRESS_SECONDS = 0.1
EVALUATION_BATCHES = 4  # an evaluation batch holds this many training batches: no gradients to keep

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class FitSettings:
    """How each fold is trained.

    Attributes:
        max_epochs: epochs unless the fold stops early.
        batch_size: rows per batch.
        accumulate_steps: batches per optimizer step.
        clip_norm: largest L2 norm of the gradients, or None.
        patience_epochs: epochs without a better monitored score before the fold stops, or None.
        metrics: names; the first picks the epoch.
        seed: of the run.
    """

    max_epochs: int
    batch_size: int
    accumulate_steps: int
    clip_norm: float | None
    patience_epochs: int | None
    metrics: tuple[str, ...]
    seed: int

    def steps_per_epoch(self, n_rows: int) -> int:
        """Return the optimizer steps of one epoch over ``n_rows`` rows."""
        return math.ceil(math.ceil(n_rows / self.batch_size) / self.accumulate_steps)


@dataclass(frozen=True)
class FoldRows:
    """The rows of one fold, as ascending row numbers.

    Attributes:
        repeat: from 0.
        fold: from 0.
        train: trained on.
        held_out: scored at the end.
        monitor: scored after each epoch to pick one; None keeps the last epoch.
    """

    repeat: int
    fold: int
    train: RowNumbers
    held_out: RowNumbers
    monitor: RowNumbers | None = None


@dataclass
class Selection:
    """Picks the epoch: the best monitored score, the earliest of equals; NaN never wins.

    Attributes:
        metric: name of the metric that picks.
        patience_epochs: epochs without improvement before stopping, or None.
        epoch: the pick so far (0 = none yet).
        score: of the pick.
        weights: of the pick, on the CPU.
    """

    metric: str
    patience_epochs: int | None
    epoch: int = 0
    score: float = float("nan")
    weights: dict[str, Tensor] = field(default_factory=dict)

    def update(self, record: EpochRecord, weights: Callable[[], dict[str, Tensor]]) -> bool:
        """Take in an epoch and return whether to go on."""
        score = record.monitor[self.metric]
        if self.epoch == 0 or better(score, self.score, METRICS[self.metric].greater_is_better):
            self.epoch, self.score, self.weights = record.epoch, score, weights()
        return self.patience_epochs is None or record.epoch - self.epoch < self.patience_epochs


def fit_fold(
    learner: Learner,
    data: TrainingSet,
    rows: FoldRows,
    settings: FitSettings,
    spec: DataSpec,
    observers: Sequence[Observer],
) -> tuple[FoldResult, dict[str, Tensor]]:
    """Train a fold, pick its epoch and predict its held-out rows.

    Args:
        learner: fresh; trained in place.
        data: all rows on the training device.
        rows: of this fold.
        settings: how to train.
        spec: what the targets mean.
        observers: told about steps, epochs and the result.

    Returns:
        The result, and the scored weights by state_dict name (on the CPU).

    Raises:
        NonFiniteError: training diverged.
    """
    started = time.perf_counter()
    total_steps = settings.max_epochs * settings.steps_per_epoch(len(rows.train))
    for observer in observers:
        observer.fold_started(rows.repeat, rows.fold, total_steps)
    epochs, selection = train_fold(learner, data, rows, settings, spec, observers)
    if selection.epoch:
        learner.model.load_state_dict(selection.weights)
        learner.average = None
    logits, proba, loss = predict_rows(learner, data, rows.held_out, settings)
    require_finite_logits(logits, rows.held_out)
    target = data.target[torch.from_numpy(rows.held_out)].cpu().numpy()
    result = FoldResult(
        repeat=rows.repeat,
        fold=rows.fold,
        rows=rows.held_out,
        logits=logits,
        proba=proba,
        loss=loss,
        metrics=score(settings.metrics, spec.task, target, proba),
        epochs=epochs,
        best_epoch=selection.epoch or len(epochs),
        n_train=len(rows.train),
        seconds=time.perf_counter() - started,
    )
    for observer in observers:
        observer.fold_finished(result, target, spec.classes, spec.task)
    return result, evaluation_state(learner)


def train_fold(
    learner: Learner,
    data: TrainingSet,
    rows: FoldRows,
    settings: FitSettings,
    spec: DataSpec,
    observers: Sequence[Observer],
) -> tuple[tuple[EpochRecord, ...], Selection]:
    """Run the epochs; return what each recorded and the pick (``epoch`` 0: nothing was monitored)."""
    selection = Selection(settings.metrics[0], settings.patience_epochs)
    lengths_N = data.rows.lengths()
    epochs: list[EpochRecord] = []
    steps_before = 0
    for epoch in range(1, settings.max_epochs + 1):
        started = time.perf_counter()
        key = (settings.seed, rows.repeat, rows.fold, epoch)
        totals = train_epoch(
            learner,
            data,
            training_order(rows.train, settings.batch_size, key, lengths_N),
            accumulate_steps=settings.accumulate_steps,
            clip_norm=settings.clip_norm,
            on_step=_progress(learner, steps_before, observers),
        )
        steps_before += totals.steps
        record = EpochRecord(
            epoch=epoch,
            step=steps_before,
            train_loss=totals.mean(),
            lr=_learning_rate(learner),
            monitor=_monitor(learner, data, rows.monitor, settings, spec),
            seconds=time.perf_counter() - started,
            skipped_steps=learner.precision.scaler.skipped_steps,
            loss_scale=learner.precision.scaler.scale,
        )
        epochs.append(record)
        for observer in observers:
            observer.epoch(record)
        if record.monitor and not selection.update(record, lambda: evaluation_state(learner)):
            break
    return tuple(epochs), selection


def predict_rows(
    learner: Learner, data: TrainingSet, rows: RowNumbers, settings: FitSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (V, n_outputs), probabilities (V, n_classes) and the loss (V,) of ascending rows."""
    logits = predict(learner, data, rows, settings.batch_size * EVALUATION_BATCHES)
    with torch.inference_mode():
        logits_VK = torch.from_numpy(logits).to(data.target.device)
        target = data.target[torch.from_numpy(rows).to(data.target.device)]
        proba = learner.loss.to_proba(logits_VK).cpu().numpy()
        loss = learner.loss(logits_VK, target).cpu().numpy()
    return logits, proba, loss


def require_finite_logits(logits: NDArray[np.float32], rows: RowNumbers) -> None:
    """Stop when a prediction is not a number: the last step diverged, or the row itself is not finite.

    Raises:
        NonFiniteError: names the first such row.
    """
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise NonFiniteError(
            f"{len(broken)} of {len(rows)} held-out predictions are not finite, the first of row {rows[broken[0]]}\n"
            "look for NaN or huge values in the data; else try a lower optimizer.lr or fit.clip_norm=1.0"
        )


def evaluation_state(learner: Learner) -> dict[str, Tensor]:
    """Return a copy on the CPU of the weights that are scored, by state_dict name."""
    with learner.evaluation_weights():
        return {name: value.detach().cpu().clone() for name, value in learner.model.state_dict().items()}


def _monitor(
    learner: Learner, data: TrainingSet, rows: RowNumbers | None, settings: FitSettings, spec: DataSpec
) -> dict[str, float]:
    if rows is None:
        return {}
    _, proba, _ = predict_rows(learner, data, rows, settings)
    target = data.target[torch.from_numpy(rows)].cpu().numpy()
    return score(settings.metrics, spec.task, target, proba)


def _progress(learner: Learner, steps_before: int, observers: Sequence[Observer]) -> Callable[[Totals], None]:
    shown = time.perf_counter()

    def on_step(totals: Totals) -> None:
        nonlocal shown
        now = time.perf_counter()
        if now - shown < PROGRESS_SECONDS or not totals.steps:
            return
        shown = now
        mean, lr = totals.mean(), _learning_rate(learner)
        for observer in observers:
            observer.step(steps_before + totals.steps, mean, lr)

    return on_step


def _learning_rate(learner: Learner) -> float:
    return float(learner.optimizer.param_groups[0]["lr"])
