"""Every problem of a configuration that can be known before the data is read, all at once."""

import math
from functools import partial
from pathlib import Path

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainer.config.bounds import bound_problems
from trainer.config.build import arguments, check_section, resolve_target
from trainer.config.cv import STRATEGIES, CvConfig
from trainer.config.grid import candidates, grid_problems, is_nested
from trainer.config.home import given_paths
from trainer.config.keys import values_text
from trainer.config.plugins import plugin_problems
from trainer.config.pseudo import pseudo_problems
from trainer.config.sampler import sampler_problems
from trainer.config.schema import OPEN_SECTIONS, CheckpointConfig, FitConfig, InitConfig, RunConfig
from trainer.config.search import NONE
from trainer.config.search_space import space_problems
from trainer.data.samples import DataSpec
from trainer.engine.optimizer import make_optimizer, make_scheduler
from trainer.engine.precision.opt_levels import override_problems
from trainer.errors import ConfigError, did_you_mean, shown
from trainer.folds.checks import require_seeds
from trainer.folds.own import strategy_problems
from trainer.folds.plan import strategy_module
from trainer.losses.contract import refuse_pairing
from trainer.metrics.check import check_names
from trainer.models.pretrained import TRANSFORMER, find_pretrained
from trainer.run.table_memory import table_problems
from trainer.store.fold_files import ALL
from trainer.store.own_files import is_given
from trainer.store.remote import address_problem
from trainer.system.fast_import import import_compiler_when_needed
from trainer.system.paths import ADDRESS, path_problem
from trainer.system.seeds import seeds_of
from trainer.trackers.build import tracker_problems
from trainer.tricks.build import trick_problems
from trainer.wording.translations import _

TRIED_STEPS = 12  # of the throw-away parameter: more than the epoch of 10 that its scheduler is told of
MIRROR_LIKE = "s3://bucket/runs"
WEIGHT_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def check_config(config: RunConfig) -> None:
    """Refuse a configuration that cannot run.

    Raises:
        ConfigError: listing every problem with its full key.
    """
    if not config.runtime.compile:
        import_compiler_when_needed()  # before an optimizer is tried, which asks for it
    problems = _problems(config)
    problems += grid_problems(config) + space_problems(config)
    problems += _candidate_problems(config) if config.cv.inner.grid and not problems else []
    if problems:
        raise ConfigError.from_problems(problems)


def _problems(config: RunConfig) -> list[str]:
    missing_plugins = plugin_problems(config.plugins)
    problems = [*missing_plugins, *bound_problems(config), *_fold_problems(config.cv, len(seeds_of(config.seed)))]
    problems += _fit_problems(config.fit, config.cv.select) + _other_problems(config)
    if not missing_plugins:
        for name in OPEN_SECTIONS:
            problems += check_section(name, getattr(config, name), config.plugins)
        problems += check_section("data.preprocess", config.data.get("preprocess") or {}, config.plugins)
        problems += strategy_problems(config.cv.strategy, config.cv.arguments, config.plugins)
        problems += tracker_problems(config.tracker, config.plugins)
        problems += trick_problems(config.tricks, config.plugins)
    problems += override_problems(config.amp)
    problems += sampler_problems(config.sampler, config.loss)
    problems += pseudo_problems(config.pseudo, nested=is_nested(config.cv), searched=config.search.name != NONE)
    problems += _device_problems(config.device) + table_problems(config.data, config.pseudo.path)
    no_paths = _path_problems(config)
    problems += no_paths or _init_problems(config.init.path)
    problems += _mirror_problems(config)
    return problems + (_optimizer_problems(config) if not problems else [])


def _candidate_problems(config: RunConfig) -> list[str]:
    """Return what is wrong with each combination of ``cv.inner.grid``, every problem once."""
    found: dict[str, str] = {}
    try:
        for candidate in candidates(config):
            for problem in _problems(candidate.config):
                found.setdefault(problem, f"cv.inner.grid, {values_text(candidate.values)}: {problem}")
    except ConfigError as error:
        return [str(error)]
    return list(found.values())


def _fold_problems(cv: CvConfig, n_seeds: int) -> list[str]:
    problems = []
    if cv.path is not None and cv.strategy != "predefined":
        problems.append(f"cv.path has no effect with cv={cv.strategy}: leave it out, or use cv=predefined")
    if cv.group is not None and cv.strategy in ("stratified", "kfold", "time"):
        keeping = "cv=stratified_group (or group); with several labels per row cv=multilabel"
        problems.append(f"cv.group={cv.group} needs folds that keep groups: use {keeping}")
    if cv.fold == ALL and cv.select == "fold":
        problems.append("cv.fold=all holds no fold out that could pick the epoch: set cv.select=last (or inner)")
    counted = cv.strategy in STRATEGIES and strategy_module(cv.strategy).N_SPLITS
    for require in (
        partial(require_fold, cv.fold, cv.n_splits * cv.repeats * n_seeds if counted else None),
        partial(require_seeds, cv.random_state, cv.repeats),
    ):
        try:
            require()
        except ConfigError as error:
            problems.append(str(error))
    return problems


def _fit_problems(fit: FitConfig, select: str) -> list[str]:
    frozen, problems = fit.freeze_epochs, []
    if fit.warmup_ratio and fit.warmup_steps:
        problems.append("fit.warmup_ratio and fit.warmup_steps both say how long to warm up: leave one of them out")
    if fit.unfreeze_layers is not None and frozen in (0, ALL):
        why = "nothing is frozen first" if frozen == 0 else "the backbone stays frozen"
        problems.append(
            f"fit.unfreeze_layers has no effect with fit.freeze_epochs={frozen} ({why}): set it to 1 or more"
        )
    if fit.layer_decay is not None and frozen == ALL:
        problems.append("fit.layer_decay has no effect with fit.freeze_epochs=all: the backbone is never trained")
    if fit.patience_epochs is not None and select == "last":
        problems.append("fit.patience_epochs needs an epoch to be picked: set cv.select=inner (or fold)")
    return problems


def require_fold(fold: int | str | None, n_folds: int | None) -> None:
    """Refuse a ``cv.fold`` that does not exist.

    Args:
        fold: as configured.
        n_folds: of all repeats together; None = known only when the rows are split.

    Raises:
        ConfigError: naming the folds there are.
    """
    if fold in (None, ALL) or (isinstance(fold, int) and fold >= 0 and (n_folds is None or fold < n_folds)):
        return
    have = "numbers from 0" if n_folds is None else f"0..{n_folds - 1}" if n_folds > 1 else "0"
    raise ConfigError(f"cv.fold={fold} does not exist: have {have}, or all to fit on every row")


def _other_problems(config: RunConfig) -> list[str]:
    """Return what contradicts each other outside of the folds and the fit."""
    problems = []
    lr = config.optimizer.get("lr")
    if isinstance(lr, (int, float)) and not 0 < lr < math.inf:
        problems.append(f"optimizer.lr={lr}: must be positive and finite")
    if config.run is not None and (config.run in ("", ".", "..") or set("/\\") & set(config.run)):
        problems.append(f"run={config.run}: is a name, not a path; paths.runs=DIR says where runs go")
    if config.init.path is None and (config.init.prefix is not None or config.init.min_match != InitConfig.min_match):
        problems.append("init.prefix and init.min_match have no effect without init.path")
    if not config.checkpoint.save_weights and config.checkpoint.format != CheckpointConfig.format:
        problems.append("checkpoint.format has no effect with checkpoint.save_weights=false")
    if config.profile.only and not config.profile.enabled:
        problems.append("profile.only=true contradicts profile.enabled=false (profile=off)")
    if config.tricks and config.amp.backend == "apex":
        problems.append(f"tricks=[{','.join(config.tricks)}] need amp.backend=native: apex takes the steps itself")
    if config.runtime.compile and config.amp.backend == "apex":
        problems.append("runtime.compile=true cannot compile what apex patches: use amp.backend=native")
    return problems


def _device_problems(device: str) -> list[str]:
    if device == "auto":
        return []
    try:
        kind = torch.device(device).type
    except RuntimeError:
        return [f"device: unknown '{device}': use auto, cpu, cuda or cuda:N"]
    if kind not in ("cpu", "cuda"):
        return [f"device={device}: only cpu and cuda are supported: use auto, cpu, cuda or cuda:N"]
    if kind == "cuda" and (torch.device(device).index or 0) >= max(1, torch.cuda.device_count()):
        return [f"device={device}: have {torch.cuda.device_count()} CUDA devices, numbered from 0"]
    if kind == "cuda" and not torch.cuda.is_available():
        return [f"device={device}: no CUDA device is available here; use device=auto or device=cpu"]
    return []


def _init_problems(path: str | None) -> list[str]:
    if path is None or is_given(Path(path)):
        return []
    if not path:
        return ["init.path is empty: give a file of weights, or init.path=null"]
    file = Path(path)
    held = sorted(entry.name for entry in file.iterdir() if entry.is_file()) if file.is_dir() else []
    if file.is_dir():
        return [f"init.path={path}: is a directory; give the file in it{did_you_mean('model.safetensors', held)}"]
    if not file.parent.is_dir():
        said = _("{file}: no such file; the directory {directory} does not exist either")
        return [said.format(file=f"init.path={path}", directory=file.parent)]
    known = sorted(p.name for p in file.parent.iterdir() if p.suffix in WEIGHT_SUFFIXES)
    hint = did_you_mean(file.name, known, _) if known else ""
    return [_("{file}: no such file{hint}").format(file=f"init.path={path}", hint=hint)]


def _path_problems(config: RunConfig) -> list[str]:
    """Return the paths that can be none: addresses of the web or of a cloud, and what no file system has."""
    found = {key: path_problem(path) for key, path in given_paths(config).items()}
    if ADDRESS.match(config.paths.runs):
        found["paths.runs"] = f"is an address; runs are written here first: add paths.mirror={MIRROR_LIKE} for a copy"
    return [f"{key}={shown(value)}: {found[key]}" for key, value in given_paths(config).items() if found[key]]


def _mirror_problems(config: RunConfig) -> list[str]:
    place = config.paths.mirror
    if place is None:
        return []
    if config.search.name != NONE:
        return ["paths.mirror: the trials of a search are not copied: leave it out; foldwise push RUN URL sends one"]
    if place.startswith("memory:"):
        return [f"paths.mirror={place}: is in the memory of a process, and gone with it: use file:///folder"]
    problem = address_problem(place)
    return [] if problem is None else [f"paths.mirror={line}" for line in problem.splitlines()[:1]]


def _optimizer_problems(config: RunConfig) -> list[str]:
    """Build the optimizer and the scheduler around one throw-away parameter: torch checks the values itself."""
    try:
        optimizer = make_optimizer(config.optimizer, [torch.nn.Parameter(torch.zeros(1))], config.plugins)
        scheduler = make_scheduler(
            config.scheduler,
            optimizer,
            warmup_steps=0,
            total_steps=100,
            steps_per_epoch=10,
            plugins=config.plugins,
        )
    except ConfigError as error:
        return [str(error)]
    try:
        rates = [float(group["lr"]) for group in optimizer.param_groups]
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        return [f"scheduler: sets a learning rate that is no number: {shown(str(error))}"]
    wrong = [f"scheduler: sets the learning rate to {rate:g}" for rate in rates if not 0 <= rate < math.inf]
    return wrong or _first_steps(config, optimizer, scheduler)


def _first_steps(config: RunConfig, optimizer: Optimizer, scheduler: LRScheduler) -> list[str]:
    """Take some steps of the throw-away parameter: what torch does not check when it builds, it stumbles over here."""
    name, stepped = "optimizer", config.optimizer
    try:
        for parameter in (one for group in optimizer.param_groups for one in group["params"]):
            parameter.grad = torch.zeros_like(parameter)
        for _ in range(TRIED_STEPS):
            name, stepped = "optimizer", config.optimizer
            optimizer.step()
            name, stepped = "scheduler", config.scheduler
            scheduler.step()
    except Exception as error:  # values of any kind, in a class of any kind
        given = shown(values_text(arguments(stepped)), 120)
        return [f"{name}: {stepped['_target_']} cannot take a step with {given}: {shown(repr(error), 160)}"]
    return []


def require_model_files(config: RunConfig) -> None:
    """Look at a pretrained transformer's directory as a whole, before its tokenizer or any data is read.

    Raises:
        ConfigError: the model is not at hand, or is none that can be trained here.
        CheckpointError: its weights are lacking, or another library's.
    """
    model = config.model
    if model["_target_"] == TRANSFORMER:
        find_pretrained(model["pretrained"], allow_network=model.get("allow_network", False))


def check_data(config: RunConfig, spec: DataSpec) -> None:
    """Refuse a loss or metric that does not fit the task of the data.

    Raises:
        ConfigError: naming what fits.
    """
    loss_class = resolve_target("loss", config.loss["_target_"], config.plugins)
    pairing = refuse_pairing(loss_class, spec.task) if isinstance(loss_class, type) else None
    problems = [pairing] if pairing else []
    if spec.task.has_classes and config.cv.bins != CvConfig().bins:
        problems.append(f"cv.bins={config.cv.bins} has no effect on a {spec.task} task: leave it out")
    if not spec.task.has_classes and config.cv.rare != CvConfig().rare:
        problems.append(f"cv.rare={config.cv.rare} has no effect on a {spec.task} task: leave it out")
    if config.sampler.power_in_force is not None and not spec.task.one_class_each:
        problems.append(f"sampler={config.sampler.name} draws rows by their class, and a {spec.task} task has none")
    problems += check_names(config.metrics.names, spec.task, config.plugins)
    if problems:
        raise ConfigError.from_problems(problems)
