"""Cross validation: for each fold a fresh everything, trained on the fold's rows and scored on the held-out ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.engine.observer import Observer
from trainer.results import FoldResult
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold_data import PreparedFold


@dataclass(frozen=True)
class TrainedFold:
    """A finished fold.

    Attributes:
        result: what it says about its held-out rows.
        weights: that were scored, by state_dict name.
        amp: skipped steps and final loss scale.
        preprocess: the fitted preprocessing as plain values.
        inner: under nested cross validation, every candidate's inner scores as plain values; else None.
    """

    result: FoldResult
    weights: dict[str, Tensor]
    amp: dict[str, float]
    preprocess: Any
    inner: dict[str, Any] | None = None


def run_fold(
    experiment: Experiment,
    fold: PreparedFold,
    observers: Sequence[Observer],
    checkpointer: Checkpointer | None = None,
    *,
    epochs: int | None = None,
) -> TrainedFold:
    """Train and score one fold.

    Args:
        experiment: what to run.
        fold: which one.
        observers: told about the progress.
        checkpointer: saves it while it trains, and goes on from what is saved.
        epochs: stop after so many, on a schedule as long as ``max_epochs`` all the same; None = train them all.

    Raises:
        NonFiniteError: training diverged.
        Interrupted: a signal has come; the state is saved.
    """
    learner = fresh_learner(experiment, fold.rows, fold.fitted.model_arguments)
    settings = experiment.settings if epochs is None else replace(experiment.settings, max_epochs=epochs)
    result, weights = fit(learner, fold.data, fold.rows, settings, experiment.spec, observers, checkpointer)
    scaler = learner.precision.scaler
    amp = {"skipped_steps": scaler.skipped_steps, "loss_scale": scaler.scale}
    return TrainedFold(result, weights, amp, fold.fitted.to_json())
