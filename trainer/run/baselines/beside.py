"""Baselines beside the folds: fitted by the first process that has no fold left to train."""

from collections.abc import Sequence
from functools import partial

from trainer.config.schema import RunConfig
from trainer.engine.observer import Observer
from trainer.errors import DataError
from trainer.executors.processes import TrainFold
from trainer.report.terminal import PrintLine
from trainer.run.baselines.fit_folds import Wanted, fit_baselines
from trainer.run.experiment import Experiment
from trainer.run.fold_job import Saving, train_fold
from trainer.run.identify import identity_of
from trainer.run.prepare import prepare
from trainer.system.fast_import import import_compiler_when_needed

BASELINES = "baselines"  # handed to a process in the place of a fold


def train_or_compare(
    name: int | str,
    observers: list[Observer],
    print_line: PrintLine,
    *,
    train: TrainFold,
    experiment: Experiment,
    folds: Sequence[int | str],
    wanted: Wanted,
) -> None:
    """Train a fold, or, under the name of ``BASELINES``, fit those of all ``folds``."""
    if name == BASELINES:
        fit_baselines(experiment, folds, wanted, print_line)
    else:
        train(name, observers, print_line)


def trains_again(config: RunConfig, saving: Saving, folds: Sequence[int | str], wanted: Wanted) -> TrainFold:
    """Prepare, in a process that has nothing yet, the run that another one has begun; return what trains its folds.

    Raises:
        DataError: it is another one by now.
    """
    if not config.runtime.compile:
        import_compiler_when_needed()
    experiment = prepare(config)
    if identity_of(config, experiment)[0] != saving.identity:
        raise DataError(
            f"{saving.run.name}: the data or the code has changed since the run was started: start it again"
        )
    train = partial(train_fold, experiment=experiment, saving=saving)
    return partial(train_or_compare, train=train, experiment=experiment, folds=folds, wanted=wanted)
