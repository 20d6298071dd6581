"""The profile at start: a fold's own model, loss and optimizer on copies, and the cost estimate of the whole run."""

import math
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from trainer.config.schema import ProfileConfig
from trainer.data.loading.batch_order import evaluation_order, training_order
from trainer.data.loading.batches import row_views
from trainer.data.samples import DataSpec
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import evaluating, training
from trainer.engine.scoring import evaluation_rows
from trainer.profiler.costs import same_random_state
from trainer.profiler.model import cost_estimate, profile_model
from trainer.report.profile_table import show
from trainer.run.experiment import Experiment, Recipe
from trainer.run.factories import fresh_learner, make_loss, make_model
from trainer.run.fold import Fold
from trainer.run.nested import inner_rows
from trainer.run.steps.flat_gradients import flat_gradients
from trainer.run.steps.parallel import count_workers

Order = Sequence[NDArray[np.int64]]


def profile_start(experiment: Experiment, fold: Fold, wanted: ProfileConfig, console: Console) -> dict[str, Any]:
    """Profile a copy of the fold's model and print what it and the whole run cost.

    Args:
        experiment: what is run.
        fold: whose model and rows are looked at.
        wanted: how many steps are measured and how many modules shown.
        console: where it is printed.

    Returns:
        The profile, with the cost estimate under ``bill``, as plain values.

    Raises:
        ConfigError: the model cannot be built for this data.
    """
    recipe, spec, n_folds = experiment.recipe, experiment.spec, experiment.plan.n_folds
    with same_random_state():
        model = make_model(recipe, spec, fold, make_loss(recipe, spec, fold).n_outputs)
        steps = OneStep(recipe, spec, fold)
        profile = profile_model(
            model,
            fold.data.batch(steps.order[0]).inputs,
            steps.train,
            top=wanted.top,
            steps=wanted.steps,
            eval_batch=steps.evaluate,
        )
    n_views = len(row_views(fold.data.rows))
    costs = cost_estimate(
        profile,
        n_folds=n_folds,
        parallel_folds=count_workers(
            experiment.cv.parallel,
            n_folds,
            recipe.device,
            n_loaders=experiment.loaders.number,
            peak_bytes=profile.peak_bytes,
        )[0],
        **batches_per_fold(experiment, fold, n_views),
    )
    show(profile.to_dict(), costs, console)
    if recipe.compile:
        console.print(
            "runtime.compile: folds train and predict with the compiled model, the times above are the plain one's; "
            "the first batches wait for the compiler",
            highlight=False,
            soft_wrap=True,
        )
    return {**profile.to_dict(), "bill": costs}


class OneStep:
    """Training and evaluation steps on whatever copy of the model the profiler hands over.

    Args:
        recipe: how the fold is trained.
        spec: what the targets mean.
        fold: whose rows are trained on.
    """

    def __init__(self, recipe: Recipe, spec: DataSpec, fold: Fold) -> None:
        size, lengths_N = recipe.settings.batch_size, fold.data.rows.lengths()
        self.recipe, self.spec, self.fold = recipe, spec, fold
        self.order = training_order(fold.rows.train, size, (recipe.settings.seed, 0, 0, 0), lengths_N)
        self.training_batches = self._windows()
        seen = fold.rows.held_out if len(fold.rows.held_out) else fold.rows.train  # cv.fold=all holds out nothing
        self.evaluation_batches = cycle(evaluation_order(seen, evaluation_rows(size, fold.data), lengths_N))
        self.learners: dict[int, Learner] = {}

    def _windows(self) -> Iterator[Order]:
        size = self.recipe.settings.accumulate_steps
        return cycle([self.order[start : start + size] for start in range(0, len(self.order), size)])

    def learner(self, model: nn.Module) -> Learner:
        """Return the learner around ``model``, built on the first call for it."""
        if id(model) not in self.learners:
            self.learners[id(model)] = fresh_learner(self.recipe, self.spec, self.fold, model)
        return self.learners[id(model)]

    def train(self, model: nn.Module) -> None:
        """Take one optimizer step on ``model``."""
        totals = Totals.start(self.fold.data.target.device)
        batches = [self.fold.data.batch(rows) for rows in next(self.training_batches)]
        first, learner = id(model) not in self.learners, self.learner(model)
        with training(model):
            train_step(learner, batches, self.recipe.settings.clip_norm, totals)
        if first:  # it is not timed: what autograd keeps for it is counted
            learner.flat = flat_gradients(self.recipe, learner, self.fold)

    def evaluate(self, model: nn.Module) -> None:
        """Predict one evaluation batch with ``model``."""
        with evaluating(model):
            self.learner(model).precision.forward(model, self.fold.data.batch(next(self.evaluation_batches)).inputs)


def batches_per_fold(experiment: Experiment, fold: Fold, n_views: int = 1) -> dict[str, int]:
    """Return the training and evaluation batches of one fold, over all its epochs.

    Args:
        experiment: what is run.
        fold: its rows and data.
        n_views: ways in which a held-out row is looked at.
    """
    settings, rows = experiment.recipe.settings, fold.rows
    size = evaluation_rows(settings.batch_size, fold.data)
    monitored = 0 if rows.monitor is None else settings.max_epochs * math.ceil(len(rows.monitor) / size)
    inner_training, inner_evaluation = inner_batches(experiment, fold) if experiment.candidates else (0, 0)
    return {
        "train_batches_per_fold": settings.total_steps(len(rows.train)) + inner_training,
        "eval_batches_per_fold": monitored + n_views * math.ceil(len(rows.held_out) / size) + inner_evaluation,
    }


def inner_batches(experiment: Experiment, fold: Fold) -> tuple[int, int]:
    """Return the training steps and evaluation batches of all inner fits of one fold."""
    steps, evaluations = 0, 0
    for part in inner_rows(experiment, fold.rows):
        assert part.monitor is not None
        for candidate in experiment.candidates:
            settings = candidate.recipe.settings
            steps += settings.total_steps(len(part.train))
            size = evaluation_rows(settings.batch_size, fold.data)
            evaluations += settings.max_epochs * math.ceil(len(part.monitor) / size)
    return steps, evaluations
