"""One run, in the order it happens: check, read the data, split, profile, train the folds, merge, report."""

import json
import shlex
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.check import check_config
from trainer.checkpoint.files import claim_directory, make_directory
from trainer.config.compose import Launch, SweepJob
from trainer.config.errors import as_foldwise_error
from trainer.config.schema import RunConfig
from trainer.cv import Experiment, PreparedFold, TrainedFold, prepare_fold, run_fold
from trainer.merge import Merged, merge, missing_folds, missing_message
from trainer.merge import show as show_merged
from trainer.metrics import METRICS
from trainer.report import leaderboard
from trainer.report.start import show_data, show_precision
from trainer.run_directory import fold_directory, is_done, open_run, save_fold
from trainer.start.preflight import preflight_start
from trainer.start.prepare import prepare, run_files
from trainer.start.profile import profile_start
from trainer.start.threads import same_threads, set_threads
from trainer.start.weights import weights_start
from trainer.trackers.console import PlainLines, ProgressBars
from trainer.trackers.observer import Observer
from trainer.weights.formats import SUFFIXES, weight_bytes


def run(config: RunConfig, launch: Launch) -> Merged | None:
    """Run a configuration; in a sweep, keep the sweep's leaderboard up to date.

    Returns:
        The merged result, or None where other folds are still missing or only the profile was wanted.

    Raises:
        FoldwiseError: anything a user can cause.
    """
    if launch.sweep is None:
        return cross_validate(config, launch)
    started = time.perf_counter()
    try:
        with same_threads():
            merged = cross_validate(config, launch)
    except Exception as error:  # a user's model may raise anything; the sweep goes on
        reason = str(as_foldwise_error(error)).splitlines()[0]
        _record(config, launch.sweep, {"status": "failed", "error": reason}, started)
        raise
    _record(config, launch.sweep, {"status": "done", **_job_scores(merged)}, started)
    return merged


def cross_validate(config: RunConfig, launch: Launch) -> Merged | None:
    """Check, read, split and profile; then train the folds that are not done, and merge when all are."""
    console = make_console(config)
    check_config(config)
    experiment = prepare(config)
    show_data(console, experiment.spec, experiment.samples, experiment.plan, str(experiment.device))
    show_precision(console, f"amp {experiment.level.opt_level}", experiment.level.rows(), experiment.level.notes)
    fold = prepare_fold(experiment, config.cv.fold or 0)
    set_threads(experiment, fold)
    for note in fold.fitted.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    weights = weights_start(experiment, fold, console)
    warnings = preflight_start(experiment, fold, console) if config.preflight and not config.profile.only else []
    profile = profile_start(experiment, fold, console) if config.profile.enabled or config.profile.only else {}
    if config.profile.only:
        return None
    directory = _run_directory(config, launch)
    command = f"python train.py {shlex.join(launch.command)}".strip()
    open_run(directory, run_files(experiment, command, profile, weights, warnings))
    trackers = make_trackers(config, directory)
    train_folds(experiment, fold, directory, console, trackers)
    missing = missing_folds(directory, experiment.n_folds)
    if missing:
        console.print(missing_message(directory, missing, experiment.n_folds), highlight=False, soft_wrap=True)
        return None
    merged = merge(directory)
    for tracker in trackers:
        tracker.finished(merged.result, _hparams(config))
    show_merged(console, merged)
    return merged


def make_console(config: RunConfig) -> Console:
    """Return the console everything is printed on (``runtime.progress=off`` is silent)."""
    return Console(quiet=config.runtime.progress == "off", soft_wrap=False)


def train_folds(
    experiment: Experiment, prepared: PreparedFold, directory: Path, console: Console, trackers: list[Observer]
) -> None:
    """Train the wanted folds that are not done yet, saving each as it ends.

    Args:
        experiment: what to run.
        prepared: a fold that is prepared already.
        directory: of the run.
        console: where progress is drawn.
        trackers: told about the progress too.
    """
    wanted = range(experiment.n_folds) if experiment.config.cv.fold is None else [experiment.config.cv.fold]
    folds = [number for number in wanted if not is_done(directory, number)]
    for number in wanted:
        if number not in folds:
            console.print(f"fold {number}: already done in {fold_directory(directory, number)}", highlight=False)
    if not folds:
        return
    shown = _progress(experiment.config, console, len(folds))
    try:
        for number in folds:
            fold = prepared if number == prepared.number else prepare_fold(experiment, number)
            _save(experiment, directory, number, run_fold(experiment, fold, [shown, *trackers]))
    finally:
        shown.close()


def make_trackers(config: RunConfig, directory: Path) -> list[Observer]:
    """Return the trackers the configuration names."""
    if config.tracker.name == "none":
        return []
    from trainer.trackers.tensorboard import TensorBoardTracker

    return [TensorBoardTracker(directory, config.cv.n_splits)]


def _run_directory(config: RunConfig, launch: Launch) -> Path:
    runs = Path(config.paths.runs)
    if config.run is None:
        return claim_directory(runs / launch.default_name)
    make_directory(runs / config.run)
    return runs / config.run


def _save(experiment: Experiment, directory: Path, number: int, trained: TrainedFold) -> None:
    files = {"preprocess.json": json.dumps(trained.preprocess, ensure_ascii=False).encode()}
    wanted = experiment.config.checkpoint
    if wanted.save_weights:
        files[f"model{SUFFIXES[wanted.format]}"] = weight_bytes(trained.weights, wanted.format)
    save_fold(directory, number, trained.result, amp=trained.amp, files=files)


def _progress(config: RunConfig, console: Console, n_folds: int) -> ProgressBars | PlainLines:
    wanted = config.runtime.progress
    if wanted == "rich" or (wanted == "auto" and console.is_terminal):
        return ProgressBars(console, n_folds)
    return PlainLines(console)


def _hparams(config: RunConfig) -> dict[str, Any]:
    return {
        "data": config.data["_target_"].rpartition(".")[2],
        "model": config.model["_target_"].rpartition(".")[2],
        "loss": config.loss["_target_"].rpartition(".")[2],
        "optimizer": config.optimizer["_target_"].rpartition(".")[2],
        "lr": config.optimizer.get("lr"),
        "amp": config.amp.opt_level,
        "batch_size": config.batch_size,
        "max_epochs": config.max_epochs,
        "seed": config.seed,
    }


def _job_scores(merged: Merged | None) -> dict[str, Any]:
    if merged is None:
        return {}
    primary = merged.result.primary
    summary = merged.result.metrics[primary]
    return {
        "primary": primary,
        "greater_is_better": METRICS[primary].greater_is_better,
        "mean": summary.mean,
        "sd": summary.sd,
        "oof": summary.oof,
        "run_dir": str(merged.report.parent),
    }


def _record(config: RunConfig, sweep: SweepJob, outcome: dict[str, Any], started: float) -> None:
    job = {"num": sweep.number, "overrides": list(sweep.overrides), "seconds": time.perf_counter() - started}
    leaderboard.record(sweep.directory, {**job, **outcome})
    leaderboard.write(sweep.directory)
    leaderboard.show(sweep.directory, make_console(config))
