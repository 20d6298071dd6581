"""The first half of a run: everything that is looked at and written before a fold is trained, here or elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.compose import Launch
from trainer.config.grid import is_nested
from trainer.config.home import with_home
from trainer.config.schema import RunConfig
from trainer.data.sources.in_memory import Given
from trainer.engine.process_group import Ranks
from trainer.report.start import show_data, show_precision
from trainer.report.terminal import make_console, show_notes
from trainer.run.elsewhere import check_elsewhere
from trainer.run.experiment import Experiment
from trainer.run.files_of_run import run_files
from trainer.run.fold import Fold
from trainer.run.fold_data import prepare_fold, training_sizes
from trainer.run.identify import identity_of
from trainer.run.in_ranks import batchnorm_notes, join_group, train_with_the_first
from trainer.run.prepare import prepare
from trainer.run.resume import (
    ResumePlan,
    plan_resume,
    recorded_threads,
    require_resumable,
    wanted_folds,
)
from trainer.run.steps.audit import as_message, audit_start, pseudo_start
from trainer.run.steps.drawn_classes import drawing_notes
from trainer.run.steps.inner_folds import nested_start
from trainer.run.steps.moving_average import average_notes
from trainer.run.steps.preflight import preflight_start
from trainer.run.steps.profile import profile_start
from trainer.run.steps.selection import selection_start
from trainer.run.steps.threads import choose_threads
from trainer.run.steps.tricks import tricks_start
from trainer.run.steps.weights import weights_start
from trainer.run.table_memory import memory_notes
from trainer.run.validate import check_config
from trainer.run.without_effect import idle_here, idle_options
from trainer.store.identity import Identity
from trainer.store.run_files import is_run, read_manifest, require_same_run, write_run
from trainer.system.files import claim_directory, make_directory
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


@dataclass(frozen=True)
class Begun:
    """A run that is written, and what its folds are trained with.

    Attributes:
        config: in force.
        directory: of the run.
        experiment: what is run.
        fold: the first that is wanted, prepared.
        identity: of the run.
        resume_plan: what is to be done.
        peak_bytes: of a step, as the profile has found it, or None.
        ranks: the processes that train each fold together.
        console: where is printed.
    """

    config: RunConfig
    directory: Path
    experiment: Experiment
    fold: Fold
    identity: Identity
    resume_plan: ResumePlan
    peak_bytes: int | None
    ranks: Ranks
    console: Console


def begin(config: RunConfig, launch: Launch, given: Given | None = None) -> Begun | None:
    """Check, read, split and profile, and write the run.

    Args:
        config: as composed.
        launch: how it was asked for.
        given: rows that are in memory already; None = the configuration says where they are.

    Returns:
        None where only the profile was wanted, or this process only trains with the first one and has done so.
    """
    config = with_home(config)
    check_config(config)
    check_elsewhere(config, in_memory=given is not None)
    config, ranks = join_group(config)
    console, run = make_console(config.runtime.progress), named_run(config)
    if ranks.first:  # the others may come late, when it has begun the run and holds its fold
        require_resumable(run, resume=config.resume, fold=config.cv.fold)
    if given is None:
        show_notes(memory_notes(config.data), console)
    experiment = prepare(config, given)
    show_start(experiment, console)
    fold = prepare_fold(experiment, config.cv.fold or 0, progress_on(console))
    asked = config.runtime.threads or recorded_threads(run)
    choose_threads(experiment, fold, config.executor, threads=asked, parallel=config.cv.parallel)
    settings = experiment.recipe.settings
    told = () if experiment.pseudo is None else experiment.pseudo.notes
    idle = [
        *told,
        *drawing_notes(config.sampler, experiment),
        *average_notes(config.fit.ema_decay, settings.total_steps(len(fold.rows.train))),
        *idle_options(config, launch.command),
        *idle_here(config, fold),
        *batchnorm_notes(config, experiment, fold),
    ]
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
    peak_bytes = findings.profile.get("peak_bytes")
    return Begun(config, directory, experiment, fold, identity, resume_plan, peak_bytes, ranks, console)


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
    leaks += pseudo_start(experiment, mode=config.audit, console=console)
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
            **({} if experiment.pseudo is None else {"pseudo": experiment.pseudo.facts}),
            **({} if launch.sweep is None or config.cv.fold is not None else launch.sweep.facts()),
        }
        warnings = [*map(as_message, findings.audit), *findings.warnings]
        files = run_files(config, experiment, origin, findings.profile, findings.weights, warnings)
        write_run(directory, files)
    return directory
