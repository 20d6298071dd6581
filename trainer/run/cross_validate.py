"""One run, in the order it happens: check, read the data, split, profile, train the folds, merge, report."""

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.compose import Launch
from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.data.loading.batches import ReadAhead
from trainer.engine import freezing
from trainer.engine.observer import Observer
from trainer.errors import Interrupted, no_exit
from trainer.executors.pool import train_side_by_side
from trainer.executors.processes import PrintLine
from trainer.report.start import show_data, show_precision
from trainer.report.terminal import make_console
from trainer.run.experiment import Experiment
from trainer.run.fold_data import PreparedFold, prepared_inputs
from trainer.run.fold_job import fold_trainer, ready_fold, train_in_new_process
from trainer.run.identify import identity_of
from trainer.run.merge import Merged, merge
from trainer.run.merge import show as show_merged
from trainer.run.missing import command_to_go_on, missing_folds, missing_message
from trainer.run.prepare import prepare, run_files
from trainer.run.resume import (
    ResumePlan,
    plan_resume,
    recorded_threads,
    require_none_elsewhere,
    require_resumable,
    run_path,
    wait_for_others,
    wanted_folds,
)
from trainer.run.steps.audit import as_message, audit_start
from trainer.run.steps.inner_folds import nested_start
from trainer.run.steps.parallel import count_workers, starts_new_processes
from trainer.run.steps.preflight import preflight_start
from trainer.run.steps.profile import profile_start
from trainer.run.steps.threads import set_threads
from trainer.run.steps.weights import weights_start
from trainer.run.validate import check_config
from trainer.store.fold_files import ALL, fold_directory
from trainer.store.identity import Identity
from trainer.store.run_files import is_run, read_manifest, require_same_run, write_run
from trainer.system.fast_import import import_compiler_when_needed
from trainer.system.files import claim_directory, make_directory
from trainer.trackers.build import make_progress, make_trackers
from trainer.trackers.console import progress_on
from trainer.trackers.hparams import hparams


@no_exit()
def cross_validate(config: RunConfig, launch: Launch) -> Merged | None:
    """Check, read, split and profile; then train the folds that are not done, and merge when all are."""
    console = make_console(config)
    if not config.runtime.compile:
        import_compiler_when_needed()
    check_config(config)
    require_resumable(config)
    experiment = prepare(config)
    show_data(console, experiment.spec, experiment.samples, experiment.plan, str(experiment.device))
    show_precision(console, f"amp {experiment.level.opt_level}", experiment.level.rows(), experiment.level.notes)
    prepared_inputs(experiment, progress_on(console))
    fold = ready_fold(experiment, experiment.fold_number(config.cv.fold or 0), progress_on(console))
    set_threads(experiment, fold, recorded_threads(config))
    _show_notes([*fold.notes, *_without_effect(config, fold)], console)
    if config.profile.only:
        weights_start(experiment, fold, console)
        profile_start(experiment, fold, console)
        return None
    identity, unknown = identity_of(experiment)
    _show_notes(unknown, console)
    resume_plan = plan_resume(experiment, identity, console)
    directory, profile = run_path(config), dict[str, Any]()
    if resume_plan.folds or resume_plan.rewrite:
        directory, profile = _open(experiment, fold, identity, resume_plan, launch, console)
    assert directory is not None
    folds, wanted = resume_plan.folds, (directory, wanted_folds(experiment), experiment.settings.max_epochs)
    try:
        train_folds(experiment, fold, identity, folds, directory, console, profile.get("peak_bytes"))
        while config.resume == "wait" and (folds := wait_for_others(*wanted, _sayer(console))):
            train_folds(experiment, fold, identity, folds, directory, console, profile.get("peak_bytes"))
    except Interrupted as stop:
        stop.advice = f"; go on with: {command_to_go_on(launch.command, directory)}"
        raise
    if config.cv.fold == ALL:
        console.print(f"fitted on all rows: {fold_directory(directory, ALL)}", highlight=False, soft_wrap=True)
        return None
    missing = missing_folds(directory)
    if missing:
        console.print(missing_message(directory, missing), highlight=False, soft_wrap=True)
        require_none_elsewhere(*wanted)
        return None
    merged = merge(directory, force=bool(resume_plan.forced))
    for tracker in make_trackers(config.tracker, config.plugins, directory, _sayer(console)):
        tracker.finished(merged.result, hparams(config))
    show_merged(console, merged)
    return merged


def _show_notes(notes: list[str], console: Console) -> None:
    print_line = _sayer(console)
    for note in notes:
        print_line(f"note: {note}")


def _without_effect(config: RunConfig, fold: PreparedFold) -> list[str]:
    if not config.num_workers or isinstance(fold.data.rows, ReadAhead) or config.fit.freeze_epochs == freezing.ALL:
        return []
    return [f"num_workers={config.num_workers} has no effect: this data is held in memory, no loader reads it"]


def _open(
    experiment: Experiment,
    fold: PreparedFold,
    identity: Identity,
    resume_plan: ResumePlan,
    launch: Launch,
    console: Console,
) -> tuple[Path, dict[str, Any]]:
    """Look at model, loss and costs; then write the run's own files, unless the run is there and unchanged.

    Returns:
        The run's directory, and the profile or an empty one.
    """
    config = experiment.config
    findings = audit_start(experiment, console) if resume_plan.rewrite or config.audit == "strict" else []
    weights = weights_start(experiment, fold, console)
    if is_nested(config):
        warnings = nested_start(experiment, fold, console)
    else:
        warnings = preflight_start(experiment, fold, console) if config.preflight else []
    profile = profile_start(experiment, fold, console) if config.profile.enabled else {}
    directory = run_path(config)
    if directory is None:
        directory = claim_directory(Path(config.paths.runs) / launch.default_name)
    make_directory(directory)
    if resume_plan.rewrite and resume_plan.fresh and is_run(directory):  # another job has begun it meanwhile
        require_same_run(directory, read_manifest(directory), identity, force=False)
    elif resume_plan.rewrite:
        warnings = [*map(as_message, findings), *warnings]
        origin = {
            "identity": identity,
            "command": list(launch.command),
            "forced": list(resume_plan.forced),
            "audit": findings,
        }
        write_run(directory, run_files(experiment, origin, profile, weights, warnings))
    return directory, profile


def train_folds(
    experiment: Experiment,
    prepared: PreparedFold,
    identity: Identity,
    folds: list[int | str],
    directory: Path,
    console: Console,
    peak_bytes: int | None = None,
) -> None:
    """Train folds, one after the other or several at a time, saving each as it ends.

    Args:
        experiment: what to run.
        prepared: a fold that is prepared already.
        identity: of the run.
        folds: to train.
        directory: of the run.
        console: where progress is drawn.
        peak_bytes: of one training step, as the profile has measured it.

    Raises:
        Interrupted: a signal has come; the folds at hand are saved.
        FoldBusyError: the one fold to train is being written by another process.
    """
    if not folds:
        return
    config = experiment.config
    n_workers, notes = count_workers(experiment, len(folds), peak_bytes)
    _show_notes(notes, console)
    shown, print_line = make_progress(experiment.config.runtime.progress, console, len(folds)), _sayer(console)

    def observed() -> list[Observer]:
        return [shown.lane(), *make_trackers(config.tracker, config.plugins, directory, print_line)]

    try:
        if n_workers > 1:
            train = fold_trainer(experiment, identity, directory, prepared)
            in_new_process = (
                partial(train_in_new_process, experiment.config, identity, directory)
                if starts_new_processes(experiment)
                else None
            )
            train_side_by_side(
                folds,
                train,
                n_workers,
                observed=observed,
                print_line=print_line,
                run=directory.name,
                in_new_process=in_new_process,
            )
        else:
            alone, track = len(folds) == 1 and experiment.config.resume != "wait", progress_on(console)
            train = fold_trainer(experiment, identity, directory, prepared, alone=alone, track=track)
            observers = observed()
            for name in folds:
                train(name, observers, print_line)
    finally:
        shown.close()


def _sayer(console: Console) -> PrintLine:
    return lambda line: console.print(line, highlight=False, soft_wrap=True)
