"""One run, in the order it happens: check, read the data, split, profile, train the folds, merge, report."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from trainer.config.compose import Launch
from trainer.config.schema import RunConfig
from trainer.config.sweep_jobs import say_failures
from trainer.data.sources.in_memory import Given
from trainer.engine.observer import Observer
from trainer.engine.process_group import Ranks
from trainer.errors import Interrupted, OutOfTime, no_exit
from trainer.executors.pool import train_side_by_side
from trainer.report.terminal import PrintLine, line_printer, show_notes
from trainer.run import jobs
from trainer.run.baselines.beside import BASELINES, train_or_compare, trains_again
from trainer.run.baselines.fit_folds import Wanted, fit_baselines
from trainer.run.begin import begin
from trainer.run.elsewhere import Elsewhere
from trainer.run.experiment import Experiment
from trainer.run.finish import finish
from trainer.run.fold import Fold
from trainer.run.fold_job import Saving
from trainer.run.identify import prepare_again
from trainer.run.in_ranks import trains_here
from trainer.run.job_words import follow_later
from trainer.run.merge import Merged
from trainer.run.missing import command_to_go_on
from trainer.run.resume import (
    wait_for_others,
    wanted_folds,
)
from trainer.run.stacked_folds import train_in_turn, train_work
from trainer.run.steps.parallel import count_workers, starts_new_processes
from trainer.run.steps.stacking import AUTO, OFF, in_stacks
from trainer.run.time_limit import budget_of, in_order
from trainer.run.warm_up import warm_up
from trainer.store.mirror import mirrored
from trainer.store.stop_request import obeyed
from trainer.system import interrupts
from trainer.trackers.build import make_progress, make_trackers
from trainer.trackers.console import progress_on


@no_exit()
def cross_validate(config: RunConfig, launch: Launch, given: Given | None = None) -> Merged | None:
    """Check, read, split and profile; then train the folds that are not done, and merge when all are.

    Args:
        config: as composed.
        launch: how it was asked for.
        given: rows that are in memory already; None = the configuration says where they are.
    """
    begun = begin(config, launch, given)
    if begun is None:
        return None
    config, directory, experiment, resume_plan = begun.config, begun.directory, begun.experiment, begun.resume_plan
    identity, ranks, console = begun.identity, begun.ranks, begun.console
    say_failures()  # of the jobs before in a sweep: this one can be trained
    is_here, wanted = trains_here(config), wanted_folds(config.cv.fold, experiment.plan.n_folds)
    budget = budget_of(config.budget.hours if is_here else None, launch.door, directory, resume_plan.folds)
    budget = replace(budget, before=frozenset(wanted) - frozenset(resume_plan.folds))
    saving = Saving(directory, identity, config.checkpoint, config.force_resume, budget)
    here = partial(train_folds, config, given, experiment, saving, begun.fold, begun.peak_bytes, console, ranks)
    train = here if is_here else partial(_train_elsewhere, config, launch, directory, line_printer(console))
    baselines = Wanted(directory, identity["content"], config.baseline)
    going_on = command_to_go_on(launch.command, directory, launch.door)
    with mirrored(config.paths.mirror, directory, config.cv.fold, line_printer(console), here=is_here):
        try:
            with obeyed(directory), interrupts.until(budget.ends_at):
                train(resume_plan.folds if is_here else resume_plan.unfinished)
                if config.executor.detach and not is_here and resume_plan.unfinished:
                    console.print(follow_later(directory, launch), highlight=False, soft_wrap=True)
                    return None
                others = partial(wait_for_others, directory, wanted, config.max_epochs, line_printer(console))
                while config.resume == "wait" and (folds := others()):
                    train(folds)
                    if budget.is_limited:  # what there was no time for is not asked for again
                        break
                ranks.told(None)  # there is no further fold
                if budget.has_time_for_baselines():
                    fit_baselines(experiment, wanted, baselines, line_printer(console))
        except OutOfTime:
            pass  # the folds that were being trained are saved
        except Interrupted as stop:
            left = f"; the jobs go on, foldwise stop {directory} ends them; follow them with: {going_on}"
            stop.advice = f"; resume with: {going_on}" if is_here else left
            raise
        samples = experiment.samples
        del begun, experiment, here, train, baselines  # of very many rows their labels, folds and order are much
        return finish(config, directory, resume_plan, wanted, console, samples, going_on)


def _train_elsewhere(
    config: RunConfig, launch: Launch, run: Path, print_line: PrintLine, folds: Sequence[int | str]
) -> None:
    if folds:
        Elsewhere(print_line).train([jobs.Wanted(run, launch, config.executor, config.max_epochs, tuple(folds))])


def train_folds(
    config: RunConfig,
    given: Given | None,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold,
    peak_bytes: int | None,
    console: Console,
    ranks: Ranks,
    folds: Sequence[int | str],
) -> None:
    """Train folds, one after the other or several at a time, saving each as it ends.

    Args:
        config: as composed and checked.
        given: rows that are in memory already.
        experiment: what to run.
        saving: where and how they are saved.
        prepared: a fold that is prepared already.
        peak_bytes: of one training step, as the profile has measured it, or None.
        console: where progress is drawn.
        ranks: the processes that train each fold together.
        folds: to train.

    Raises:
        Interrupted: a signal has come; the folds at hand are saved.
        FoldBusyError: the one fold to train is being written by another process.
    """
    if not folds:
        return
    folds = in_order(folds, saving.run, config.max_epochs) if saving.budget.is_limited else folds
    device, parallel, n_loaders = experiment.recipe.device, config.cv.parallel, config.num_workers
    n_workers, notes = count_workers(parallel, len(folds), device, n_loaders=n_loaders, peak_bytes=peak_bytes)
    left_to_others = config.resume == "wait" and config.cv.stack == AUTO  # a stack would take folds they could train
    stack = OFF if saving.budget.is_limited or left_to_others else config.cv.stack
    works, why_not = in_stacks(folds, n_workers, stack, experiment, prepared)
    show_notes([*notes, *why_not], console)
    shown, print_line = make_progress(config.runtime.progress, console, len(folds)), line_printer(console)
    baselines = Wanted(saving.run, saving.identity["content"], config.baseline, n_workers)

    def observed() -> list[Observer]:
        return [shown.lane(), *make_trackers(config.tracker, config.plugins, saving.run, print_line)]

    try:
        if n_workers > 1:
            train = partial(train_work, experiment=experiment, saving=saving, prepared=prepared)
            begin = partial(prepare_again, config, saving.identity, saving.run.name, given)
            again = partial(trains_again, begin, saving, folds, baselines)
            train_side_by_side(
                [*works, BASELINES],  # last: for the first process that has no fold left
                partial(train_or_compare, train=train, experiment=experiment, folds=folds, wanted=baselines),
                n_workers,
                observed=observed,
                print_line=print_line,
                run=saving.run.name,
                in_new_process=again if starts_new_processes(device) else None,
                stall_seconds=config.runtime.stall_timeout_seconds,
                when_idle=warm_up,
            )
        else:
            in_turn = partial(train_in_turn, works, observed, print_line, experiment=experiment, saving=saving)
            alone, track = len(folds) == 1 and config.resume != "wait", progress_on(console)
            in_turn(prepared=prepared, alone=alone, track=track, ranks=ranks)
    finally:
        shown.close()
