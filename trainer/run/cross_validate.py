"""One run, in the order it happens: check, read the data, split, profile, train the folds, merge, report."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.compose import Launch
from trainer.config.grid import is_nested
from trainer.config.home import with_home
from trainer.config.schema import RunConfig
from trainer.data.sources.in_memory import Given
from trainer.engine.observer import Observer
from trainer.engine.process_group import Ranks
from trainer.errors import Interrupted, OutOfTime, no_exit
from trainer.executors.pool import train_side_by_side
from trainer.report.start import show_data, show_precision
from trainer.report.terminal import line_printer, make_console, show_notes
from trainer.run.baselines.beside import BASELINES, train_or_compare, trains_again
from trainer.run.baselines.fit_folds import Wanted, fit_baselines
from trainer.run.elsewhere import Elsewhere, check_elsewhere, follow_later
from trainer.run.experiment import Experiment
from trainer.run.finish import finish
from trainer.run.fold import Fold
from trainer.run.fold_data import prepare_fold, training_sizes
from trainer.run.fold_job import Saving
from trainer.run.identify import identity_of, prepare_again
from trainer.run.in_ranks import batchnorm_notes, join_group, train_with_the_first, trains_here
from trainer.run.merge import Merged
from trainer.run.missing import command_to_go_on
from trainer.run.prepare import prepare, run_files
from trainer.run.resume import (
    ResumePlan,
    plan_resume,
    recorded_threads,
    require_resumable,
    wait_for_others,
    wanted_folds,
)
from trainer.run.stacked_folds import train_in_turn, train_work
from trainer.run.steps.audit import as_message, audit_start
from trainer.run.steps.inner_folds import nested_start
from trainer.run.steps.parallel import count_workers, starts_new_processes
from trainer.run.steps.preflight import preflight_start
from trainer.run.steps.profile import profile_start
from trainer.run.steps.selection import selection_start
from trainer.run.steps.stacking import OFF, in_stacks
from trainer.run.steps.threads import choose_threads
from trainer.run.steps.tricks import tricks_start
from trainer.run.steps.weights import weights_start
from trainer.run.time_limit import budget_of, in_order
from trainer.run.validate import check_config
from trainer.run.without_effect import idle_here, idle_options
from trainer.store.identity import Identity
from trainer.store.mirror import mirrored
from trainer.store.run_files import is_run, read_manifest, require_same_run, write_run
from trainer.store.stop_request import obeyed
from trainer.system import interrupts
from trainer.system.files import claim_directory, make_directory
from trainer.trackers.build import make_progress, make_trackers
from trainer.trackers.console import progress_on
from trainer.weights.load import LoadReport


@dataclass(frozen=True)
class Findings:
    """What was found before the first step.

    Attributes:
        audit: leaks, as plain values.
        weights: what was loaded to start from, or None.
        warnings: about model and loss.
        profile: what model and run cost, or empty.
        tricks: how far they move weights, and their cost.
    """

    audit: list[dict[str, Any]] = field(default_factory=list)
    weights: LoadReport | None = None
    warnings: list[str] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)
    tricks: Sequence[str] = ()


@no_exit()
def cross_validate(config: RunConfig, launch: Launch, given: Given | None = None) -> Merged | None:
    """Check, read, split and profile; then train the folds that are not done, and merge when all are.

    Args:
        config: as composed.
        launch: how it was asked for.
        given: rows that are in memory already; None = the configuration says where they are.
    """
    config = with_home(config)
    check_config(config)
    check_elsewhere(config, in_memory=given is not None)
    config, ranks = join_group(config)
    console, run = make_console(config.runtime.progress), named_run(config)
    require_resumable(run, resume=config.resume, fold=config.cv.fold)
    experiment = prepare(config, given)
    show_start(experiment, console)
    fold = prepare_fold(experiment, config.cv.fold or 0, progress_on(console))
    asked = config.runtime.threads or recorded_threads(run)
    choose_threads(experiment, fold, config.executor, threads=asked, parallel=config.cv.parallel)
    idle = [*idle_options(config, launch.command), *idle_here(config, fold), *batchnorm_notes(config, experiment, fold)]
    show_notes([*fold.notes, *idle], console)
    if config.profile.only:
        show_profile(config, experiment, fold, console)
        return None
    identity, unknown = identity_of(config, experiment)
    show_notes(unknown, console)
    if not ranks.first:
        train_with_the_first(config, experiment, fold, identity, ranks)
        return None
    resume_plan = plan_resume_of(config, experiment, identity, run, console)
    findings = look(config, experiment, fold, resume_plan, console, idle)
    directory = open_run(config, experiment, identity, findings, resume_plan, launch)
    is_here, wanted = trains_here(config), wanted_folds(config.cv.fold, experiment.plan.n_folds)
    budget = budget_of(config.budget.hours if is_here else None, launch.door, directory, resume_plan.folds)
    budget = replace(budget, before=frozenset(wanted) - frozenset(resume_plan.folds))
    saving = Saving(directory, identity, config.checkpoint, config.force_resume, budget)
    peak = findings.profile.get("peak_bytes")
    here = partial(train_folds, config, given, experiment, saving, fold, peak, console, ranks)
    train = here if is_here else Elsewhere(config, launch, directory, line_printer(console)).train
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
        return finish(config, directory, resume_plan, wanted, console, experiment.samples, going_on)


def named_run(config: RunConfig) -> Path | None:
    """Return the directory of a run that has a name, or None."""
    return None if config.run is None else Path(config.paths.runs) / config.run


def show_start(experiment: Experiment, console: Console) -> None:
    """Print the data, the folds and the precision in force."""
    level, device = experiment.recipe.level, experiment.recipe.device
    show_data(console, experiment.spec, experiment.samples, experiment.plan, str(device))
    show_precision(console, f"amp {level.opt_level}", level.rows(), level.notes)


def show_profile(config: RunConfig, experiment: Experiment, fold: Fold, console: Console) -> None:
    """Print what the run would start from and cost (``profile.only``)."""
    weights_start(experiment.recipe, experiment.spec, experiment.samples, fold, console)
    profile_start(experiment, fold, config.profile, console)


def plan_resume_of(
    config: RunConfig, experiment: Experiment, identity: Identity, run: Path | None, console: Console
) -> ResumePlan:
    """Return what is to be done, where a run of this name is there or not."""
    return plan_resume(
        run,
        identity,
        experiment.plan,
        wanted_folds(config.cv.fold, experiment.plan.n_folds),
        max_epochs=config.max_epochs,
        force=config.force_resume,
        keep_final=config.checkpoint.keep_final,
        console=console,
    )


def look(
    config: RunConfig, experiment: Experiment, fold: Fold, resume_plan: ResumePlan, console: Console, idle: list[str]
) -> Findings:
    """Look for leaks, at starting weights, model, loss and costs; where nothing is to be done, at nothing."""
    if not (resume_plan.folds or resume_plan.rewrite):
        return Findings(warnings=idle)
    recipe, spec, samples, plan = experiment.recipe, experiment.spec, experiment.samples, experiment.plan
    audited = resume_plan.rewrite or config.audit == "strict"
    leaks = audit_start(samples, spec, plan, mode=config.audit, console=console) if audited else []
    wanted = wanted_folds(config.cv.fold, plan.n_folds)
    show_notes(undecided := selection_start(experiment, wanted), console)
    weights = weights_start(recipe, spec, samples, fold, console)
    warnings: list[str] = []
    if is_nested(config.cv):
        warnings = nested_start(experiment, fold, wanted, preflight=config.preflight, console=console)
    elif config.preflight:
        warnings = preflight_start(recipe, spec, fold, training_sizes(experiment), console)
    profile = profile_start(experiment, fold, config.profile, console) if config.profile.enabled else {}
    return Findings(leaks, weights, [*idle, *undecided, *warnings], profile, tricks_start(recipe, spec, fold, console))


def open_run(
    config: RunConfig,
    experiment: Experiment,
    identity: Identity,
    findings: Findings,
    resume_plan: ResumePlan,
    launch: Launch,
) -> Path:
    """Write the run's own files, unless the run is there and unchanged; return its directory."""
    directory = named_run(config) or claim_directory(Path(config.paths.runs) / launch.default_name)
    if resume_plan.folds or resume_plan.rewrite:
        make_directory(directory)
    if resume_plan.rewrite and resume_plan.fresh and is_run(directory):  # another job has begun it meanwhile
        require_same_run(directory, read_manifest(directory), identity, force=False)
    elif resume_plan.rewrite:
        origin = {
            "identity": identity,
            "door": launch.door,
            "command": list(launch.command),
            "forced": list(resume_plan.forced),
            "audit": findings.audit,
            **({"tricks": findings.tricks} if findings.tricks else {}),
            **({} if launch.sweep is None or config.cv.fold is not None else launch.sweep.facts()),
        }
        warnings = [*map(as_message, findings.audit), *findings.warnings]
        files = run_files(config, experiment, origin, findings.profile, findings.weights, warnings)
        write_run(directory, files)
    return directory


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
    stack = OFF if saving.budget.is_limited else config.cv.stack
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
            )
        else:
            in_turn = partial(train_in_turn, works, observed, print_line, experiment=experiment, saving=saving)
            alone, track = len(folds) == 1 and config.resume != "wait", progress_on(console)
            in_turn(prepared=prepared, alone=alone, track=track, ranks=ranks)
    finally:
        shown.close()
