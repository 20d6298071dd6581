"""A run as its directory says it: configuration, split, classes, plans. Nothing of it is executed, no link followed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.config.build import PARTS, resolve_target
from trainer.config.grid import is_nested
from trainer.config.plugins import find_here
from trainer.config.saved import read_config
from trainer.config.schema import RunConfig
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.in_memory import Given
from trainer.engine.precision.opt_levels import resolve_opt_level, show
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.folds.plan import FoldPlan
from trainer.run.copies import RunCopy, open_copy
from trainer.run.experiment import Recipe
from trainer.run.missing import missing_folds, missing_message
from trainer.run.prepare import data_section, load_data, make_candidates, make_recipe
from trainer.store.fold_files import ALL
from trainer.store.identity import deciding_keys, describe_differences
from trainer.store.own_files import BLEND, PRETRAINED
from trainer.store.run_files import read_run_rows
from trainer.system.files import unsealed
from trainer.system.folders import is_there, read_file

CONFIG = "config.yaml"
HALF = "amp.dtype in force"  # a key of the identity


@dataclass(frozen=True)
class TrainedRun:
    """A run whose models can be built again.

    Attributes:
        copy: where it is, its manifest.json and folds.json.
        config: its config.yaml, with the plugins of whoever reads it.
        spec: what its targets mean, and how its rows were read.
        recipe: how its folds were trained; where folds are nested, that of the run itself.
        chosen: where folds are nested, the recipe of each combination they chose from, by its values as JSON.
        plans: of pretrained transformers, by the name in the configuration.
        tokenizer: that was too large to be kept with each fold, or None.
        notes: what a person should know.
    """

    copy: RunCopy
    config: RunConfig
    spec: DataSpec
    recipe: Recipe
    chosen: Mapping[str, Recipe]
    plans: Mapping[str, Any]
    tokenizer: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self.copy.directory

    @property
    def facts(self) -> Mapping[str, Any]:
        """Its manifest.json."""
        return self.copy.facts

    @property
    def plan(self) -> FoldPlan:
        """Its folds.json."""
        return self.copy.plan

    def recipe_of(self, picked: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a fold by what its inner folds picked, which is empty where nothing is nested.

        Raises:
            CheckpointError: it is none of those the run chose from.
        """
        if not picked:
            return self.recipe
        try:
            return self.chosen[_key(picked["values"])]
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"{self.directory}: a fold picked {picked}, which {CONFIG} does not offer") from error


def open_trained(directory: Path, *, device: str | None = None, plugins: Sequence[str] = ()) -> TrainedRun:
    """Read what a run says about itself.

    Args:
        directory: of the run, whoever has written it.
        device: to predict on; None = as the run was configured, where that is here.
        plugins: packages whose classes may be built; a run cannot name them, whoever reads it does.

    Raises:
        CheckpointError: it is no run, damaged, changed by hand, or of another version.
        ConfigError: a class is of a package that ``plugins`` does not name, or there is no such device.
    """
    find_here(plugins)
    copy = open_copy(directory)
    if is_there(directory / BLEND, directory):
        raise ConfigError(f"{directory} is a blend, without models of its own: use its runs, which {BLEND} in it names")
    config = _config(directory, copy.facts, plugins)
    _require_allowed(config, copy.facts, plugins)
    place, notes = _device(device or config.device, given=device is not None)
    level = resolve_opt_level(config.amp, place)
    half, before = show(level.dtype if level.computes_in_half else None), copy.identity["config"].get(HALF)
    if before not in (None, half):
        notes = (*notes, f"amp={level.opt_level}: trained in {before}, predicted in {half}: the last digits differ")
    recipe = make_recipe(config, level, place, tuple(copy.facts["metrics"]), None)
    candidates = make_candidates(config, recipe) if is_nested(config.cv) else ()
    classes, reading = tuple(copy.facts["classes"]), copy.facts.get("reading", {})
    kept = unsealed(directory / PRETRAINED, directory) if is_there(directory / PRETRAINED, directory) else {}
    return TrainedRun(
        copy,
        config,
        DataSpec(directory.name, copy.task, classes, reading=reading),
        recipe,
        {_key(candidate.values): candidate.recipe for candidate in candidates},
        kept.get("models", {}),
        kept.get("tokenizer"),
        notes,
    )


@contextmanager
def threads_of(run: TrainedRun) -> Iterator[None]:
    """Compute with as many threads as the run was trained with: more make a small model wait on a busy machine."""
    before, threads = torch.get_num_threads(), run.facts["identity"]["hardware"].get("threads")
    try:
        if run.recipe.device.type == "cpu" and threads:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)


def wanted_folds(run: TrainedRun, folds: Sequence[int | str] | None = None) -> list[int | str]:
    """Return the folds to predict with: those asked for, or all of the plan.

    Raises:
        ConfigError: there is no such fold.
        CheckpointError: one is not finished; names those that are missing and the command that trains them.
    """
    n_folds = run.plan.n_folds
    asked: list[int | str] = [*(range(n_folds) if folds is None else dict.fromkeys(folds))]
    unknown = [name for name in asked if name != ALL and name not in range(n_folds)]
    if unknown or not asked:
        raise ConfigError(
            f"--folds: {run.directory} has no fold {', '.join(map(str, unknown))}; it has 0 to {n_folds - 1}"
        )
    missing = missing_folds(run.directory)
    lacking = [number for number in asked if number in missing]
    if lacking:
        ready = [str(number) for number in range(n_folds) if number not in missing]
        advice = f"\nor predict with those that are finished: --folds {','.join(ready)}" if ready else ""
        raise CheckpointError(f"{missing_message(run.directory, missing)}{advice}")
    return asked


def _config(directory: Path, facts: Mapping[str, Any], plugins: Sequence[str]) -> RunConfig:
    """Read config.yaml; what decides the numbers must be as the sealed manifest has it."""
    path = directory / CONFIG
    try:
        config = read_config(read_file(path, directory).decode(), str(path), plugins)
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}\nrestore it from a copy of the run") from error
    recorded = facts["identity"]["config"]
    now = json.loads(json.dumps(deciding_keys(asdict(config))))
    changed = {
        key: (recorded[key], value)
        for key, value in now.items()
        if key in recorded and key != "plugins" and recorded[key] != value
    }
    if changed:
        lines = describe_differences(changed, most=2)
        said = f"{path} (here) is not what the run was trained with, by manifest.json (there):"
        raise CheckpointError("\n".join([said, *lines, "restore it from a copy of the run"]))
    return config


def _require_allowed(config: RunConfig, facts: Mapping[str, Any], plugins: Sequence[str]) -> None:
    """Look up every class before anything is built.

    Raises:
        ConfigError: one is of a package that is not named.
    """
    sections = {"model": config.model, "loss": config.loss, "data.preprocess": config.data.get("preprocess") or {}}
    for name, section in sections.items():
        target = section.get("_target_")
        allowed = (*PARTS[name].prefixes, *(f"{plugin}." for plugin in plugins))
        if isinstance(target, str) and not target.startswith(allowed):
            package = target.partition(".")[0]
            raise ConfigError(
                f"the run's {name} is {target}, code that does not come with Foldwise and is not run unasked\n"
                f"if you trust it, name its package: --plugins {package} (in Python plugins=['{package}'])"
            )
        resolve_target(name, target, plugins)


def _device(wanted: str, *, given: bool) -> tuple[torch.device, tuple[str, ...]]:
    """Return where to predict; a GPU that the run had and this machine has not is no reason to stop.

    Raises:
        ConfigError: a device that was asked for is not here.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_cuda else "cpu"), ()
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"--device {wanted}: no such device; give cpu or cuda") from error
    if device.type == "cuda" and not has_cuda:
        if given:
            raise ConfigError(f"--device {wanted}: torch sees no GPU here; give cpu")
        return torch.device("cpu"), (f"the run was trained on {wanted}, which is not here: predicted on the CPU",)
    return device, ()


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def samples_of(run: TrainedRun, given: Given | None, places: dict[str, str]) -> Samples:
    """Return the rows of the run, read as they were.

    Raises:
        DataError: there are others.
    """
    section = {**data_section(run.config), **places}
    samples, spec = load_data(section, run.config.plugins) if given is None else given
    ids_N, target, _ = read_run_rows(run.directory, run.spec.task)
    if len(samples) != len(ids_N) or (samples.ids_N != ids_N).any() or not np.array_equal(samples.target, target):
        raise DataError(
            f"{run.directory}: the rows are not those it was trained on: {len(samples)} here ({spec.name}), "
            f"{len(ids_N)} in rows.parquet, or others\nname the data it was trained on: --data PATH"
        )
    return samples
