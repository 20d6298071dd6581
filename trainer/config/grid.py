"""The grid of nested cross validation: from lists of values to one configuration per combination."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

from omegaconf import OmegaConf, SCMode
from omegaconf.errors import OmegaConfBaseException

from trainer.config.cv import CvConfig
from trainer.config.home import with_home
from trainer.config.keys import flatten, typed
from trainer.config.problems import explain
from trainer.config.schema import AmpConfig, FitConfig, RunConfig
from trainer.errors import ConfigError, did_you_mean

OPEN = ("optimizer", "scheduler", "model", "loss")  # sections with keys of their own; data, folds and seeds stay out


@dataclass(frozen=True)
class Candidate:
    """One combination of the grid.

    Attributes:
        number: from 0, the last key of the grid changing fastest.
        values: by dotted key; empty where there is no grid.
        config: the configuration with them.
    """

    number: int
    values: dict[str, Any]
    config: RunConfig


def is_nested(cv: CvConfig) -> bool:
    """Return whether inner folds pick what each fold is trained with."""
    return cv.inner.n_splits is not None


def describe_selection(cv: CvConfig) -> str:
    """Return how the epoch and the hyper-parameters are picked."""
    if not is_nested(cv):
        return cv.select
    count = len(combinations(cv))
    settings = f" and {count} settings" if cv.inner.grid else ""
    what = "epochs" if cv.select == "inner" else "the last epoch"
    return f"nested: {cv.inner.n_splits} inner folds choose among {what}{settings}"


def candidates(config: RunConfig) -> list[Candidate]:
    """Return every combination of the grid's values; the configuration itself where there is no grid.

    Raises:
        ConfigError: a value cannot stand where the grid puts it.
    """
    return [Candidate(i, values, _with(config, values)) for i, values in enumerate(combinations(config.cv))]


def combinations(cv: CvConfig) -> list[dict[str, Any]]:
    """Return the values of every candidate, by dotted key."""
    grid = flatten(cv.inner.grid)
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _with(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    node = OmegaConf.structured(config)
    for key, value in values.items():
        try:
            OmegaConf.update(node, key, value, merge=False, force_add=True)
        except OmegaConfBaseException as error:
            raise ConfigError(f"cv.inner.grid: {explain(error, f'{key}={typed(value)}')}") from error
    changed = OmegaConf.to_container(node, structured_config_mode=SCMode.INSTANTIATE)
    assert isinstance(changed, RunConfig)
    return with_home(changed)


def grid_problems(config: RunConfig) -> list[str]:
    """Return what is wrong with nested cross validation as it is asked for, one line each."""
    cv, grid = config.cv, flatten(config.cv.inner.grid)
    problems = [problem for key, values in grid.items() for problem in _key_problems(config, key, values)]
    if not is_nested(cv):
        return [*problems, "cv.inner.grid needs inner folds to choose: set cv.inner.n_splits=3"] if grid else problems
    if cv.select == "last" and not grid:
        problems.append("cv.inner.n_splits has nothing to choose: set cv.select=inner (epochs) or cv.inner.grid={...}")
    if cv.select == "fold":
        problems.append("cv.select=fold would pick the epoch on rows that nested folds score: use cv.select=inner")
    if cv.inner_fraction != CvConfig.inner_fraction:
        problems.append("cv.inner_fraction has no effect with cv.inner.n_splits: leave it out")
    if config.fit.patience_epochs is not None:
        problems.append("fit.patience_epochs has no effect with cv.inner.n_splits: all epochs are compared")
    return problems


def _key_problems(config: RunConfig, key: str, values: Any) -> list[str]:
    known = _known_keys(config)
    section, _, rest = key.partition(".")
    if key == "fit.patience_epochs" or rest.split(".")[0] == "_target_":
        return [f"cv.inner.grid: {key} cannot be chosen by inner folds"]
    if key not in known and not (section in OPEN and rest):
        return [f"cv.inner.grid: '{key}' cannot be chosen by inner folds{did_you_mean(key, known)}"]
    if key == "model.name" and (config.data.get("preprocess") or {}).get("normalize") == "weights":
        return [
            "cv.inner.grid: model.name with data.preprocess.normalize=weights: all models are given one set of pixels"
        ]
    if not isinstance(values, list) or not values:
        return [f"cv.inner.grid: {key} needs a list of values: cv.inner.grid={{{key}:[...]}}"]
    if len({json.dumps(value) for value in values}) < len(values):
        return [f"cv.inner.grid: {key} lists a value twice: {typed(values)}"]
    return []


def _known_keys(config: RunConfig) -> list[str]:
    closed = [f"{name}.{item.name}" for name, kind in (("fit", FitConfig), ("amp", AmpConfig)) for item in fields(kind)]
    open_keys = [f"{name}.{key}" for name in OPEN for key in flatten(getattr(config, name)) if key != "_target_"]
    return ["batch_size", *open_keys, *closed]
