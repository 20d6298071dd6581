"""How many torch threads a run gets: a small model is not slowed down by threads that wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer.config.executor import ExecutorConfig
from trainer.data.samples import DataSpec
from trainer.profiler.costs import same_random_state
from trainer.profiler.counts import count_flops
from trainer.run.experiment import Experiment, Recipe
from trainer.run.factories import make_loss, make_model
from trainer.run.fold import Fold
from trainer.run.steps.parallel import AUTO, why_not
from trainer.run.torchrun_options import threads_elsewhere
from trainer.system.resources import usable_cores

SMALL_FLOPS = 5e7  # of one forward pass: below it a second thread gains nothing, and on a busy machine costs a lot


@contextmanager
def same_threads() -> Iterator[None]:
    """Put the number of torch threads back after the block."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_threads(
    experiment: Experiment, fold: Fold, executor: ExecutorConfig, *, threads: int | None, parallel: int | str
) -> None:
    """Set the number of torch threads: what is asked for, what the run had before, or what fits.

    Args:
        experiment: what is run.
        fold: whose batch is looked at.
        executor: where its folds are trained.
        threads: that are asked for, or that a run which is gone on with was started with; None = none are.
        parallel: ``cv.parallel``.
    """
    recipe, n_folds = experiment.recipe, experiment.plan.n_folds
    set_threads(recipe, experiment.spec, fold, threads=threads, parallel=parallel, n_folds=n_folds)
    if executor.name != "local" and not threads and torch.get_num_threads() > 1:
        torch.set_num_threads(threads_elsewhere(executor))


def set_threads(
    recipe: Recipe,
    spec: DataSpec,
    fold: Fold,
    *,
    threads: int | None = None,
    parallel: int | str = AUTO,
    n_folds: int,
) -> None:
    """Set ``runtime.threads``; where it is null, one thread on the CPU for a small model, else torch's own choice.

    That is cut to the cores a container gives, and ``cv.parallel=N`` divides it by N. All of it follows from options,
    model and batch size, never from a clock: the same run gives the same bits.

    Args:
        recipe: how the fold is trained.
        spec: what the targets mean.
        fold: whose batch is looked at.
        threads: that are asked for, or that the run which is gone on with was started with: other numbers of threads
            round differently. None = none are.
        parallel: ``cv.parallel``.
        n_folds: there are to train.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    elif recipe.device.type == "cpu" and _is_small(recipe, spec, fold):
        torch.set_num_threads(1)
    else:
        at_a_time = min(parallel, n_folds) if isinstance(parallel, int) and not why_not(recipe.device) else 1
        torch.set_num_threads(max(1, min(torch.get_num_threads(), usable_cores()) // at_a_time))


def _is_small(recipe: Recipe, spec: DataSpec, fold: Fold) -> bool:
    batch = fold.data.batch(fold.rows.train[: recipe.settings.batch_size])
    with same_random_state():
        model = make_model(recipe, spec, fold, make_loss(recipe, spec, fold).n_outputs)
        try:
            flops, _ = count_flops(model, batch.inputs)
        except Exception:  # a model that does not run on its data: the preflight says so in better words
            return False
    return 0 < flops < SMALL_FLOPS
