"""Folds that are trained as one model in one process: which go together, and what becomes of each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.engine.observer import Observer
from trainer.engine.process_group import ALONE, Ranks
from trainer.engine.stacked.lockstep import take_together
from trainer.executors.messages import Fold as Name
from trainer.executors.messages import FoldsFailed, Sent, Work, first_failure, folds_of, named
from trainer.report.terminal import PrintLine
from trainer.run.experiment import Experiment
from trainer.run.fold import Fold
from trainer.run.fold_job import Saving, fold_steps, train_fold


def train_work(
    work: Work,
    observers: list[Observer],
    print_line: PrintLine,
    *,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold | None = None,
) -> None:
    """Train what a process was handed: a fold, or several as one; what they tell is sent to the parent.

    Args:
        work: the folds.
        observers: send what a fold tells.
        print_line: prints one line.
        experiment: what to run.
        saving: where and how the folds are saved.
        prepared: a fold that is prepared already.
    """
    if not isinstance(work, tuple):
        train_fold(work, observers, print_line, experiment=experiment, saving=saving, prepared=prepared)
        return
    senders = [observer for observer in observers if isinstance(observer, Sent)]
    lanes = {name: [sender.beside(lane) for sender in senders] for lane, name in enumerate(work)}
    train_stack(lanes, print_line, experiment=experiment, saving=saving, prepared=prepared)


def train_in_turn(
    works: Sequence[Work],
    observed: Callable[[], list[Observer]],
    print_line: PrintLine,
    *,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold,
    alone: bool = False,
    track: ShowProgress = no_progress,
    ranks: Ranks = ALONE,
) -> None:
    """Train folds and stacks one after the other in this process.

    Args:
        works: the folds, those of a stack together.
        observed: makes the observers of one fold at a time.
        print_line: prints one line.
        experiment: what to run.
        saving: where and how the folds are saved.
        prepared: a fold that is prepared already.
        alone: there is one fold only; see ``train_fold``.
        track: shows the progress of what is computed before the first step.
        ranks: the processes that train each fold together, of which this is the first.

    Raises:
        FoldwiseError: of the first fold that failed; the others of its stack are done.
        Interrupted: a signal has come; the states are saved.
    """
    one_by_one = partial(train_fold, experiment=experiment, saving=saving, prepared=prepared)
    as_one = partial(train_stack, experiment=experiment, saving=saving, prepared=prepared)
    lanes = [observed() for _ in range(max(len(folds_of(work)) for work in works))]
    for work in works:
        if not isinstance(work, tuple):
            one_by_one(work, lanes[0], print_line, alone=alone, track=track, ranks=ranks)
            continue
        try:
            as_one(dict(zip(work, lanes, strict=False)), print_line)
        except FoldsFailed as failed:
            raise first_failure(failed.errors, work) from failed


def train_stack(
    lanes: Mapping[Name, Sequence[Observer]],
    print_line: PrintLine,
    *,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold | None = None,
) -> None:
    """Train, score and save several folds as one model; each leaves the same files as ``train_fold``.

    Args:
        lanes: the observers of each fold.
        print_line: prints one line.
        experiment: what to run.
        saving: where and how the folds are saved.
        prepared: a fold that is prepared already.

    Raises:
        FoldsFailed: some folds have failed; the others are done.
        Interrupted: a signal has come; the states are saved.
    """
    steps_of = partial(fold_steps, print_line=print_line, experiment=experiment, saving=saving, prepared=prepared)
    steps = {name: steps_of(name, list(observers)) for name, observers in lanes.items()}
    errors = take_together(steps, print_line)
    failed = {name: named(name, error) for name, error in errors.items() if isinstance(error, Exception)}
    if failed:
        raise FoldsFailed(failed)
