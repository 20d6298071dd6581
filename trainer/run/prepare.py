"""Everything that is decided before the first step, and the files that say so."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.audit.clusters import duplicate_groups
from trainer.config.build import construct, resolve_target
from trainer.config.cv import CvConfig
from trainer.config.grid import candidates, is_nested
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.in_memory import Given
from trainer.engine.precision.opt_levels import OptLevel, resolve_opt_level
from trainer.engine.settings import FitSettings, fit_values
from trainer.errors import ConfigError
from trainer.folds.each_seed import with_seeds
from trainer.folds.io.split_files import given_folds
from trainer.folds.own import own_strategy
from trainer.folds.plan import FoldPlan, make_folds
from trainer.folds.request import SplitOptions
from trainer.losses.class_weights import weights_by_class
from trainer.metrics.check import try_metrics
from trainer.metrics.ordered import order_notes
from trainer.run.baselines.quick_models import require_fitting
from trainer.run.experiment import Candidate, Experiment, Loaders, Recipe, StartingWeights
from trainer.run.pseudo_labels import PseudoLabels
from trainer.run.steps.preflight import require_labels
from trainer.run.validate import check_data, require_fold, require_model_files
from trainer.system.fast_import import import_sklearn_without_unused
from trainer.system.mapped_arrays import give_way
from trainer.system.seeds import seeds_of
from trainer.tasks import TASKS, Target
from trainer.weights.weight_files import WeightFile, read_weights


def prepare(config: RunConfig, given: Given | None = None) -> Experiment:
    """Read the data and decide everything that is decided before the first step.

    Args:
        config: as composed and checked.
        given: rows that are in memory already; None = the configuration says where they are.

    Raises:
        DataError: the data cannot be trained on or split so.
        ConfigError: the loss, the metrics or the precision do not fit.
        CheckpointError: the weights to start from cannot be read.
    """
    import_sklearn_without_unused()
    require_model_files(config)
    device = torch.device(config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    level = resolve_opt_level(config.amp, device)
    init = None if config.init.path is None else read_weights(Path(config.init.path))
    cache = Path(config.paths.cache_directory)
    samples, spec = load_data(data_section(config), config.plugins, cache) if given is None else given
    spec = replace(spec, notes=(*spec.notes, *weights_by_class(config.loss, spec.classes, spec.task)))
    if config.cv.group is not None:
        samples = replace(samples, groups_N=duplicate_groups(samples, near=True))
    check_data(config, spec)
    require_labels(samples, spec)
    require_fitting(config.baseline, samples.inputs)
    column = f"{config.data.get('path')}: column '{config.data.get('split')}' (data.split)"
    seeds = seeds_of(config.seed)
    give_way()
    once = config.cv if len(seeds) == 1 else replace(config.cv, fold=None)  # whose number is of the seeds' folds
    split = split_rows(once, samples, spec, column, plugins=config.plugins)
    plan = with_seeds(split, seeds)
    require_fold(config.cv.fold, plan.n_folds)
    _require_metrics(config, samples, spec, plan)
    metrics = tuple(config.metrics.names) or spec.task.default_metrics
    spec = replace(spec, notes=(*spec.notes, *order_notes(metrics, spec.classes)))
    recipe = make_recipe(config, level, device, metrics, init)
    return Experiment(
        samples,
        spec,
        plan,
        config.cv,
        recipe,
        candidates=make_candidates(config, recipe) if is_nested(config.cv) else (),
        loaders=Loaders(config.num_workers, config.runtime.loader_timeout_seconds),
        cache=cache,
        pseudo=None if config.pseudo.path is None else _labels_of(config, samples, spec, split, plan.n_folds),
    )


def _labels_of(config: RunConfig, samples: Samples, spec: DataSpec, split: FoldPlan, n_folds: int) -> PseudoLabels:
    from trainer.run.choose_pseudo import pseudo_labels  # it looks for copies: what that needs costs time

    return pseudo_labels(config.pseudo, samples, spec, split, n_folds, Path(config.paths.cache_directory))


def make_recipe(
    config: RunConfig, level: OptLevel, device: torch.device, metrics: tuple[str, ...], init: WeightFile | None
) -> Recipe:
    """Return how a fold is trained as the configuration says."""
    settings = FitSettings(
        max_epochs=config.max_epochs,
        batch_size=config.batch_size,
        patience_epochs=config.fit.patience_epochs,
        metrics=metrics,
        seed=seeds_of(config.seed)[0],
        sampler_power=config.sampler.power_in_force,
        **fit_values(config.fit),
    )
    return Recipe(
        {name: getattr(config, name) for name in OPEN_SECTIONS},
        config.plugins,
        config.fit,
        settings,
        level,
        device,
        None if init is None else StartingWeights(init, config.init.min_match, config.init.prefix),
        config.runtime.compile,
        config.tricks,
        config.sampler.correct_prior,
    )


def _require_metrics(config: RunConfig, samples: Samples, spec: DataSpec, plan: FoldPlan) -> None:
    held_out = [samples.target[plan.rows(*divmod(number, plan.n_splits))[1]] for number in range(plan.n_folds)]
    problems = try_metrics(config.metrics.names, held_out, len(spec.classes), config.plugins)
    if problems:
        raise ConfigError.from_problems(problems)


def make_candidates(config: RunConfig, recipe: Recipe) -> tuple[Candidate, ...]:
    """Return what the inner folds choose from, as the configuration's grid says."""
    file = None if recipe.start is None else recipe.start.file

    def with_values(chosen: RunConfig) -> Recipe:
        level = recipe.level if chosen.amp == config.amp else resolve_opt_level(chosen.amp, recipe.device)
        return make_recipe(chosen, level, recipe.device, recipe.settings.metrics, file)

    return tuple(Candidate(one.number, one.values, with_values(one.config)) for one in candidates(config))


def split_rows(cv: CvConfig, samples: Samples, spec: DataSpec, column: str, *, plugins: Sequence[str] = ()) -> FoldPlan:
    """Split the rows as ``cv`` says.

    Args:
        cv: how.
        samples: the rows.
        spec: what they mean.
        column: that names each row's part, for messages.
        plugins: packages of the user's, of which the splitter may be.

    Raises:
        ConfigError: the settings contradict each other or the data, or ``cv.fold`` does not exist.
        DataError: the rows cannot be split so, or the given folds do not fit them.
    """
    strata_N, classes = stratified_by(cv, samples, spec)
    plan = make_folds(
        cv.strategy,
        strata_N,
        ids_N=samples.ids_N,
        groups_N=samples.groups_N,
        classes=classes,
        n_splits=cv.n_splits,
        repeats=cv.repeats,
        shuffle=cv.shuffle,
        random_state=cv.random_state,
        times_N=samples.times_N,
        predefined=given_folds(cv.path, samples.ids_N, samples.split_N, column),
        options=SplitOptions(cv.rare, cv.gap, cv.window, cv.holdout_fraction, cv.overlap),
        own=own_strategy(cv.strategy, cv.arguments, plugins) if "." in cv.strategy else None,
    )
    require_fold(cv.fold, plan.n_folds)
    return plan


def stratified_by(cv: CvConfig, samples: Samples, spec: DataSpec) -> tuple[Target, tuple[str, ...]]:
    """Return what folds of all rows keep in proportion, and its names: the classes, or bins of numbers."""
    fewest = math.ceil(2 / cv.holdout_fraction) if cv.strategy == "holdout" else cv.n_splits
    strata_N = spec.task.strata(samples.target, cv.bins, fewest)
    return strata_N, spec.task.strata_names(samples.target, strata_N, spec.classes)


def data_section(config: RunConfig) -> Mapping[str, Any]:
    """Return the data section; a loss that is only for numbers says that the labels are numbers."""
    unsaid = "task" in config.data and config.data["task"] is None
    task = task_of_loss(config) if unsaid else None
    return config.data if task is None else {**config.data, "task": task}


def task_of_loss(config: RunConfig) -> str | None:
    """Return the task of a loss that is only for numbers; None where the labels say what the task is."""
    tasks: tuple[str, ...] = getattr(resolve_target("loss", config.loss["_target_"], config.plugins), "tasks", ())
    only_numbers = len(tasks) == 1 and tasks[0] in TASKS and not TASKS[tasks[0]].has_classes
    return tasks[0] if only_numbers else None


def load_data(
    section: Mapping[str, Any], plugins: Sequence[str] = (), cache: Path | None = None
) -> tuple[Samples, DataSpec]:
    """Read the data set.

    Args:
        section: of the configuration.
        plugins: packages of the user's.
        cache: directory of what does not fit in memory; None = where temporary files go.

    Raises:
        DataError: it cannot be read or trained on.
    """
    loaded: tuple[Samples, DataSpec] = construct("data", section, plugins, cache_dir=cache)
    return loaded
