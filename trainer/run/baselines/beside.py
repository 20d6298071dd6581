"""Baselines beside the folds: fitted by the first process that has no fold left to train."""

from collections.abc import Callable, Sequence
from functools import partial

from trainer.engine.observer import Observer
from trainer.executors.messages import Work
from trainer.executors.processes import TrainFold
from trainer.report.terminal import PrintLine
from trainer.run.baselines.fit_folds import Wanted, fit_baselines
from trainer.run.experiment import Experiment
from trainer.run.fold_job import Saving
from trainer.run.stacked_folds import train_work

BASELINES = "baselines"  # handed to a process in the place of a fold


def train_or_compare(
    work: Work,
    observers: list[Observer],
    print_line: PrintLine,
    *,
    train: TrainFold,
    experiment: Experiment,
    folds: Sequence[int | str],
    wanted: Wanted,
) -> None:
    """Train a fold or several as one, or, under the name of ``BASELINES``, fit those of all ``folds``."""
    if work == BASELINES:
        fit_baselines(experiment, folds, wanted, print_line)
    else:
        train(work, observers, print_line)


def trains_again(
    prepare: Callable[[], Experiment], saving: Saving, folds: Sequence[int | str], wanted: Wanted
) -> TrainFold:
    """Return what trains the folds of a run, or fits their baselines, in a process that has nothing yet."""
    experiment = prepare()
    train = partial(train_work, experiment=experiment, saving=saving)
    return partial(train_or_compare, train=train, experiment=experiment, folds=folds, wanted=wanted)
