"""Scoring a fold's rows with the weights that count: the average's, or the picked epoch's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.loading.batches import TokenRows, TrainingSet
from trainer.data.samples import DataSpec
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.loops import WHAT_HELPS, Learner, predict, predict_views
from trainer.engine.settings import FitSettings, FoldRows, RowNumbers
from trainer.engine.sharded import all_like, whole
from trainer.errors import ConfigError, NonFiniteError
from trainer.metrics.scores import score
from trainer.results import FoldResult
from trainer.tasks import Target

Predict = Callable[[Learner, TrainingSet, RowNumbers, int], NDArray[np.float32]]
EVALUATION_BATCHES = 4  # an evaluation batch holds this many training batches: no gradients to keep
FEW_TEXTS = 16  # of fewer, calling the layers takes longer than what they do; of more of unlike lengths, padding


def evaluation_rows(batch_size: int, data: TrainingSet) -> int:
    """Return how many rows an evaluation batch holds.

    Of a transformer on a CPU hardly more than a training batch: what it makes of more does not stay in the cache, and
    of fewer texts of like lengths less is padding (a BERT of 4 x 256 took 0.73 of the time of four times as many).

    Args:
        batch_size: rows of a training batch.
        data: what is predicted.
    """
    most = batch_size * EVALUATION_BATCHES
    return min(max(batch_size, FEW_TEXTS), most) if are_attended_on_cpu(data) else most


def are_attended_on_cpu(data: TrainingSet) -> bool:
    """Return whether the rows are texts for a transformer on a CPU."""
    rows = data.rows
    return isinstance(rows, TokenRows) and rows.mask and rows.tokens.device.type == "cpu"


def score_fold(
    learner: Learner, data: TrainingSet, rows: FoldRows, settings: FitSettings, spec: DataSpec, progress: FitState
) -> tuple[FoldResult, Target]:
    """Predict the held-out rows with the picked epoch's weights; return the result and the rows' targets.

    Raises:
        NonFiniteError: a prediction is not finite.
    """
    started = time.perf_counter()
    with picked_weights(learner, progress.selection):
        logits, proba, loss = predict_rows(learner, data, rows.held_out, settings, predict_views)
    require_finite_logits(logits, rows.held_out)
    target = data.true_target(rows.held_out)
    result = FoldResult(
        repeat=rows.repeat,
        fold=rows.fold,
        rows=rows.held_out,
        logits=logits,
        proba=proba,
        loss=loss,
        metrics=score(settings.metrics, spec.task, target, proba) if len(target) else {},
        epochs=tuple(progress.epochs),
        best_epoch=progress.selection.epoch or len(progress.epochs),
        n_train=len(rows.train),
        seconds=progress.seconds + time.perf_counter() - started,
    )
    return result, target


@contextmanager
def picked_weights(learner: Learner, selection: Selection) -> Iterator[None]:
    """Put the picked epoch's weights into the model for the length of the block (none picked: as they are)."""
    if not selection.epoch:
        yield
        return
    kept = {name: copied(value) for name, value in learner.model.state_dict().items()}
    average, learner.average = learner.average, None
    try:
        _put(selection.weights, learner)
        yield
    finally:
        _put(kept, learner)
        learner.average = average


def _put(weights: dict[str, Tensor], learner: Learner) -> None:
    learner.model.load_state_dict(all_like(weights, learner.model.state_dict()))


def predict_rows(
    learner: Learner, data: TrainingSet, rows: RowNumbers, settings: FitSettings, predict: Predict = predict
) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.float32]]:
    """Return logits (V, n_outputs), probabilities (V, n_classes) or numbers (V, 1), and loss (V,) of ascending rows.

    Raises:
        ConfigError: the loss, one of the user's, returns something else.
    """
    logits = predict(learner, data, rows, evaluation_rows(settings.batch_size, data))
    with torch.inference_mode():
        logits_VK = torch.from_numpy(logits).to(data.target.device)
        target = data.target[torch.from_numpy(rows).to(data.target.device)]
        proba = learner.loss.to_proba(logits_VK).cpu().numpy()
        loss = learner.loss(logits_VK, target).cpu().numpy()
    for what, found in (("forward", loss.shape), ("to_proba", proba.shape[:1])):
        if found != (len(rows),):
            raise ConfigError(f"loss: {what} of {type(learner.loss).__name__} must return one value or row per row")
    return logits, proba if data.scale is None else data.scale.restored(proba), loss


def require_finite_logits(logits: NDArray[np.float32], rows: RowNumbers) -> None:
    """Stop when a prediction is not a number: the last step diverged, or the row itself is not finite.

    Raises:
        NonFiniteError: names the first such row.
    """
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise NonFiniteError(
            f"{len(broken)} of {len(rows)} held-out predictions are not finite, the first of row {rows[broken[0]]}\n"
            f"{WHAT_HELPS}"
        )


def evaluation_state(learner: Learner) -> dict[str, Tensor]:
    """Return a copy on the CPU of the weights that are scored, by state_dict name."""
    with learner.evaluation_weights():
        return {name: copied(value, "cpu") for name, value in learner.model.state_dict().items()}


def copied(value: Any, device: str | None = None) -> Any:
    """Return a copy of a state_dict's value; what a module's ``get_extra_state`` returned may be anything."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    return whole(value.detach()).to(value.device if device is None else device, copy=True)


def validation_scores(
    learner: Learner, data: TrainingSet, rows: RowNumbers | None, settings: FitSettings, spec: DataSpec
) -> dict[str, float]:
    """Return the metrics of the rows that pick the epoch, or nothing."""
    if rows is None:
        return {}
    _, proba, _ = predict_rows(learner, data, rows, settings)
    return score(settings.metrics, spec.task, data.true_target(rows), proba)
