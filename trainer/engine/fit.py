"""One fold from its first step, or from where it was stopped, to its held-out predictions."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from torch import Tensor

from trainer.data.loading.batch_order import training_order
from trainer.data.loading.batches import Batch, TrainingSet
from trainer.data.loading.samplers import sampled_rows
from trainer.data.samples import DataSpec
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.freezing import freeze_for_epoch
from trainer.engine.loops import Learner, Totals
from trainer.engine.mixing import mixed_batches
from trainer.engine.observer import Observer
from trainer.engine.process_group import Ranks
from trainer.engine.scoring import evaluation_state, picked_weights, score_fold, validation_scores
from trainer.engine.settings import FitSettings, FoldRows
from trainer.engine.stepwise import Steps, epoch_steps, take_all
from trainer.errors import DataError, Interrupted
from trainer.results import EpochRecord, FoldResult
from trainer.store.checkpoints import Position
from trainer.system import interrupts

PROGRESS_SECONDS = 0.1


def fit(
    learner: Learner,
    data: TrainingSet,
    rows: FoldRows,
    settings: FitSettings,
    spec: DataSpec,
    observers: Sequence[Observer] = (),
    checkpointer: Checkpointer | None = None,
) -> tuple[FoldResult, dict[str, Tensor]]:
    """Train the epochs that are left of a fold, pick its epoch and predict its held-out rows.

    Args:
        learner: fresh; trained in place.
        data: all rows on the training device.
        rows: of this fold.
        settings: how to train.
        spec: what the targets mean.
        observers: told about steps, epochs and the result.
        checkpointer: saves the fold while it trains and goes on from what it saved; None saves nothing.

    Returns:
        The result, and the scored weights by state_dict name (on the CPU).

    Raises:
        NonFiniteError: training diverged.
        Interrupted: a signal has come; the state is saved.
    """
    return take_all(fit_steps(learner, data, rows, settings, spec, observers, checkpointer))


def fit_steps(
    learner: Learner,
    data: TrainingSet,
    rows: FoldRows,
    settings: FitSettings,
    spec: DataSpec,
    observers: Sequence[Observer] = (),
    checkpointer: Checkpointer | None = None,
) -> Steps[tuple[FoldResult, dict[str, Tensor]]]:
    """Yield the steps of ``fit``; what they come to is what it returns."""
    windows = settings.steps_per_epoch(len(rows.train))
    progress = FitState(Totals.start(data.target.device), Selection(settings.metrics[0], settings.patience_epochs))
    if checkpointer is not None:
        checkpointer.restore(learner, progress)
    for observer in observers:
        observer.fold_started(rows.name, settings.max_epochs * windows, progress.steps + progress.totals.steps)
    with _saved_when_interrupted(learner, progress, windows, checkpointer):
        while not progress.is_over(settings.max_epochs):
            freeze_for_epoch(learner.model, learner.precision.model_parameters, settings, progress.epoch)
            on_step = _after_step(learner, progress, windows, observers, checkpointer)
            with _rest_of_epoch(data, rows, settings, progress, learner.ranks) as batches:
                yield from epoch_steps(
                    learner,
                    batches,
                    progress.totals,
                    accumulate_steps=settings.accumulate_steps,
                    clip_norm=settings.clip_norm,
                    on_step=on_step,
                )
            with learner.own_random():  # a metric of the user's may draw
                _finish_epoch(learner, data, rows, settings, spec, progress, observers)
            if checkpointer is not None:
                checkpointer.epoch_done(learner, progress, position(progress, windows))
        if checkpointer is not None:
            checkpointer.training_done(learner, progress, position(progress, windows))
        with learner.own_random():
            result, target = score_fold(learner, data, rows, settings, spec, progress)
    for observer in observers:
        observer.fold_finished(result, target, spec.classes, spec.task)
    with picked_weights(learner, progress.selection):
        return result, evaluation_state(learner)


@contextmanager
def _saved_when_interrupted(
    learner: Learner, progress: FitState, windows: int, checkpointer: Checkpointer | None
) -> Iterator[None]:
    try:
        yield
    except Interrupted:
        if checkpointer is not None:
            checkpointer.save(learner, progress, position(progress, windows))
            checkpointer.close()
        learner.ranks.wait()  # torchrun ends all where one has ended: not before the first has saved
        raise


@contextmanager
def _rest_of_epoch(
    data: TrainingSet, rows: FoldRows, settings: FitSettings, progress: FitState, ranks: Ranks
) -> Iterator[Iterator[Batch]]:
    """Yield the batches that are left of the epoch at hand."""
    key = (settings.seed, *rows.key, progress.epoch)
    train = rows.train
    if settings.sampler_power is not None:
        train = sampled_rows(train, data.true_target(train), settings.sampler_power, key)
    order = training_order(train, settings.batch_size, key, data.rows.lengths())
    done = progress.windows * settings.accumulate_steps
    with closing(ranks.batches(data, order[done:], key, done)) as batches, _same_signal():
        yield mixed_batches(batches, settings, key, first=done)


def _after_step(
    learner: Learner,
    progress: FitState,
    windows: int,
    observers: Sequence[Observer],
    checkpointer: Checkpointer | None,
) -> Callable[[Totals], None]:
    """Return what is done after each step of the epoch at hand, when the model and the sums are whole."""
    before, started = progress.epoch_seconds, learner.clock()
    show = _shown(learner, progress.steps, observers)

    def on_step(totals: Totals) -> None:
        progress.windows += 1
        progress.epoch_seconds = before + learner.clock() - started
        show(totals)
        learner.ranks.share_buffers(learner.model)
        learner.ranks.check()
        if checkpointer is not None:
            checkpointer.step_done(learner, progress, position(progress, windows))

    return on_step


def _finish_epoch(
    learner: Learner,
    data: TrainingSet,
    rows: FoldRows,
    settings: FitSettings,
    spec: DataSpec,
    progress: FitState,
    observers: Sequence[Observer],
) -> None:
    """Score the epoch at hand, note what it recorded and whether it is the one to pick, and tell the observers."""
    before, started = progress.epoch_seconds, time.perf_counter()
    scores = validation_scores(learner, data, rows.monitor, settings, spec)
    record = EpochRecord(
        epoch=progress.epoch,
        step=progress.steps + progress.totals.steps,
        train_loss=progress.totals.mean(),
        lr=_learning_rate(learner),
        monitor=scores,
        seconds=before + time.perf_counter() - started,
        skipped_steps=learner.precision.scaler.skipped_steps,
        loss_scale=learner.precision.scaler.scale,
    )
    if record.monitor:
        progress.selection.update(record, lambda: evaluation_state(learner))
    progress.finish_epoch(record, data.target.device)
    for observer in observers:
        observer.epoch(record)


@contextmanager
def _same_signal() -> Iterator[None]:
    """Where loader processes were ended by the very signal that this process has noted, answer that."""
    try:
        yield
    except DataError:
        interrupts.check()
        raise


def position(progress: FitState, windows_per_epoch: int) -> Position:
    """Return where the fold stands, in optimizer steps that were tried."""
    return Position(progress.epoch, (progress.epoch - 1) * windows_per_epoch + progress.windows)


def _shown(learner: Learner, steps_before: int, observers: Sequence[Observer]) -> Callable[[Totals], None]:
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
