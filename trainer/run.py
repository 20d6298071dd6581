"""One run, in the order it happens: check, read the data, split, profile, train the folds, merge, report."""

import shlex
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from trainer.check import check_config, check_data
from trainer.checkpoint import claim_directory, make_directory
from trainer.config.build import construct
from trainer.config.compose import Launch, SweepJob, to_yaml
from trainer.config.errors import FoldwiseError
from trainer.config.schema import RunConfig
from trainer.cv import Experiment, TrainedFold, run_fold
from trainer.data.samples import DataSpec, Samples
from trainer.engine.fit import FitSettings
from trainer.engine.levels import resolve, show
from trainer.folds.plan import make_folds
from trainer.merge import Merged, merge, missing_folds, missing_message
from trainer.merge import show as show_merged
from trainer.metrics import METRICS, default_metrics
from trainer.report import leaderboard
from trainer.report.start import show_data, show_precision
from trainer.run_directory import fold_directory, is_done, manifest, open_run, rows_table, save_fold
from trainer.start_preflight import preflight_start, require_labels
from trainer.start_profile import profile_start
from trainer.start_weights import weights_start
from trainer.trackers.console import PlainLines, ProgressBars
from trainer.trackers.observer import Observer
from trainer.weight_files import read_weights
from trainer.weight_formats import SUFFIXES, weight_bytes
from trainer.weights import LoadReport


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
        merged = cross_validate(config, launch)
    except FoldwiseError as error:
        _record(config, launch.sweep, {"status": "failed", "error": str(error).splitlines()[0]}, started)
        raise
    _record(config, launch.sweep, {"status": "done", **_job_scores(merged)}, started)
    return merged


def cross_validate(config: RunConfig, launch: Launch) -> Merged | None:
    """Check, read, split and profile; then train the folds that are not done, and merge when all are."""
    console = make_console(config)
    check_config(config)
    if config.runtime.threads is not None:
        torch.set_num_threads(config.runtime.threads)
    experiment = prepare(config)
    show_data(console, experiment.spec, experiment.samples, experiment.plan, str(experiment.device))
    show_precision(console, f"amp {experiment.level.opt_level}", experiment.level.rows(), experiment.level.notes)
    weights = weights_start(experiment, console)
    warnings = preflight(experiment, console) if config.preflight and not config.profile.only else []
    profile = profile_start(experiment, console) if config.profile.enabled or config.profile.only else {}
    if config.profile.only:
        return None
    directory = _run_directory(config, launch)
    open_run(directory, run_files(experiment, launch, profile, weights, warnings))
    trackers = make_trackers(config, directory)
    train_folds(experiment, directory, console, trackers)
    missing = missing_folds(directory, experiment.n_folds)
    if missing:
        console.print(missing_message(directory, missing, experiment.n_folds), highlight=False, soft_wrap=True)
        return None
    merged = merge(directory)
    for tracker in trackers:
        tracker.finished(merged.result, _hparams(config))
    show_merged(console, merged)
    return merged


def preflight(experiment: Experiment, console: Console) -> list[str]:
    """Look for the classic mistakes in model and loss; print and return the warnings.

    Raises:
        ConfigError: a mistake that makes training pointless.
    """
    started = time.perf_counter()
    warnings = preflight_start(experiment)
    for text in warnings:
        console.print(f"warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    outcome = f"{len(warnings)} warnings" if warnings else "nothing found"
    console.print(f"preflight: {outcome} in {time.perf_counter() - started:.2f} s", highlight=False)
    return warnings


def make_console(config: RunConfig) -> Console:
    """Return the console everything is printed on (``runtime.progress=off`` is silent)."""
    return Console(quiet=config.runtime.progress == "off", soft_wrap=False)


def prepare(config: RunConfig) -> Experiment:
    """Read the data and decide everything that is decided before the first step.

    Raises:
        DataError: the data cannot be trained on or split so.
        ConfigError: the loss, the metrics or the precision do not fit.
        CheckpointError: the weights to start from cannot be read.
    """
    device = torch.device(config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    level = resolve(config.amp, device)
    init = None if config.init.path is None else read_weights(Path(config.init.path).expanduser())
    samples, spec = load_data(config)
    check_data(config, spec)
    require_labels(samples, spec)
    plan = make_folds(
        config.cv.strategy,
        samples.target,
        ids_N=samples.ids_N,
        groups_N=samples.groups_N,
        classes=spec.classes,
        n_splits=config.cv.n_splits,
        repeats=config.cv.repeats,
        shuffle=config.cv.shuffle,
        random_state=config.cv.random_state,
    )
    settings = FitSettings(
        max_epochs=config.max_epochs,
        batch_size=config.batch_size,
        accumulate_steps=config.fit.accumulate_steps,
        clip_norm=config.fit.clip_norm,
        patience_epochs=config.fit.patience_epochs,
        metrics=tuple(config.metrics.names) or default_metrics(spec.task),
        seed=config.seed,
    )
    return Experiment(config, samples, spec, plan, settings, level, device, init)


def load_data(config: RunConfig) -> tuple[Samples, DataSpec]:
    """Read the data set.

    Raises:
        DataError: it cannot be read or trained on.
    """
    loaded: tuple[Samples, DataSpec] = construct("data", config.data, config.plugins)
    return loaded


def run_files(
    experiment: Experiment, launch: Launch, profile: dict[str, Any], weights: LoadReport | None, warnings: list[str]
) -> dict[str, bytes]:
    """Return the files that describe a run, by name."""
    config, level, spec, samples = experiment.config, experiment.level, experiment.spec, experiment.samples
    facts = manifest(
        task=spec.task,
        classes=spec.classes,
        metrics=experiment.settings.metrics,
        select=config.cv.select,
        fingerprint=experiment.plan.fingerprint,
        amp={
            "opt_level": level.opt_level,
            "half type": show(level.dtype),
            "in force": {name: in_force for name, _, _, in_force in level.rows()},
        },
        profile=profile,
        warnings=warnings,
        weights=None if weights is None else weights.to_dict(),
        about={
            "command": f"python train.py {shlex.join(launch.command)}".strip(),
            "data": f"{spec.name}, {len(samples)} rows, {spec.task}, {len(spec.classes)} classes",
            "notes": "; ".join((*spec.notes, *experiment.plan.notes, *level.notes)),
            **({} if weights is None else {"starts from": weights.summary()}),
            "selection": config.cv.select,
            "seed": str(config.seed),
            "device": f"{experiment.device}, {torch.get_num_threads()} threads",
        },
    )
    return {
        "config.yaml": to_yaml(experiment.config).encode(),
        "manifest.json": facts,
        "rows.parquet": rows_table(samples.ids_N, samples.target),
        "folds.json": experiment.plan.to_json().encode(),
    }


def train_folds(experiment: Experiment, directory: Path, console: Console, trackers: list[Observer]) -> None:
    """Train the wanted folds that are not done yet, saving each as it ends."""
    wanted = range(experiment.n_folds) if experiment.config.cv.fold is None else [experiment.config.cv.fold]
    folds = [number for number in wanted if not is_done(directory, number)]
    for number in wanted:
        if number not in folds:
            console.print(f"fold {number}: already done in {fold_directory(directory, number)}", highlight=False)
    if not folds:
        return
    shown = _progress(experiment.config, console, len(folds))
    observers: list[Observer] = [shown, *trackers]
    try:
        for number in folds:
            _save(experiment, directory, number, run_fold(experiment, number, observers))
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
    import json

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
