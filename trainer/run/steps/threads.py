"""How many torch threads a run gets: a small model is not slowed down by threads that wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer.profiler.costs import same_random_state
from trainer.profiler.counts import count_flops
from trainer.run.experiment import Experiment
from trainer.run.factories import make_loss, make_model
from trainer.run.fold_data import PreparedFold
from trainer.run.steps.parallel import why_not
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


def set_threads(experiment: Experiment, fold: PreparedFold, recorded: int | None = None) -> None:
    """Set ``runtime.threads``; where it is null, one thread on the CPU for a small model, else torch's own choice.

    That is cut to the cores a container gives, and ``cv.parallel=N`` divides it by N. All of it follows from options,
    model and batch size, never from a clock: the same run gives the same bits.

    Args:
        experiment: what is run.
        fold: whose batch is looked at.
        recorded: threads of the run that is gone on with: other numbers of threads round differently.
    """
    threads = experiment.config.runtime.threads or recorded
    if threads is not None:
        torch.set_num_threads(threads)
    elif experiment.device.type == "cpu" and _is_small(experiment, fold):
        torch.set_num_threads(1)
    else:
        parallel = experiment.config.cv.parallel
        n_folds = min(parallel, experiment.n_folds) if isinstance(parallel, int) and not why_not(experiment) else 1
        torch.set_num_threads(max(1, min(torch.get_num_threads(), usable_cores()) // n_folds))


def _is_small(experiment: Experiment, fold: PreparedFold) -> bool:
    batch = fold.data.batch(fold.rows.train[: experiment.settings.batch_size])
    with same_random_state():
        model = make_model(experiment, make_loss(experiment, fold.rows), fold.fitted.model_arguments)
        try:
            flops, _ = count_flops(model, batch.inputs)
        except Exception:  # a model that does not run on its data: the preflight says so in better words
            return False
    return 0 < flops < SMALL_FLOPS
