"""What ``search.space`` says: a range or a list of values for each setting that is searched."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from trainer.config.bounds import Option, options_of
from trainer.config.keys import choices, flatten, typed
from trainer.config.near_keys import is_known, known_keys, nearest_key, open_keys
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.config.search import NONE, SearchConfig
from trainer.config.value_types import describe, fits
from trainer.errors import ConfigError, did_you_mean, shown

GROUPS = ("model", "loss", "optimizer", "scheduler", "amp")  # of which a file of conf/ may be searched for
CLOSED = ("batch_size", "max_epochs", "fit.", "amp.")
FORMS = "log(a,b), uniform(a,b), int(a,b) or a list"
SHARED = "is the same for all trials, which are compared on the same rows, folds and seeds"
RANGE = re.compile(r"\s*([A-Za-z_]\w*)\s*\(\s*([^,()]*?)\s*,\s*([^,()]*?)\s*\)\s*")
UNQUOTED_RANGE = re.compile(r"(?<!['\"\w])(?:log|uniform|int)\([^()'\"]*\)")
Kind = Literal["log", "uniform", "int"]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both belonging to it.

    Attributes:
        key: of the setting, dotted.
        kind: how they are drawn: evenly by their logarithm, evenly, or whole ones evenly.
        low: smallest value.
        high: largest value.
    """

    key: str
    kind: Kind
    low: float
    high: float

    def ends(self) -> tuple[Any, ...]:
        """Return the values that are tried out before the first trial."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Listed:
    """Some values, of which one is taken; of a group the names of its files.

    Attributes:
        key: of the setting, or of the group.
        values: different from each other.
    """

    key: str
    values: tuple[Any, ...]

    def ends(self) -> tuple[Any, ...]:
        """Return the values that are tried out before the first trial."""
        return self.values


Dimension = Range | Listed


def with_quoted_ranges(argument: str) -> str:
    """Quote ``log(1e-5,1e-2)`` in ``search.space={...}``: Hydra's grammar has functions of its own."""
    key, equals, value = argument.partition("=")
    if key.lstrip("+") != "search.space" and not key.lstrip("+").startswith("search.space."):
        return argument
    return f"{key}{equals}{UNQUOTED_RANGE.sub(lambda found: f'{chr(39)}{found[0]}{chr(39)}', value)}"


def read_space(space: Mapping[str, Any]) -> list[Dimension]:
    """Return what is searched, groups first: what else there is to set depends on them.

    Raises:
        ConfigError: a value is neither a range nor a list.
    """
    read = [_dimension(key, value) for key, value in flatten(space).items()]
    problems = [one for one in read if isinstance(one, str)]
    if problems:
        raise ConfigError.from_problems(problems)
    found = [one for one in read if not isinstance(one, str)]
    return sorted(found, key=lambda one: one.key not in GROUPS)


def _dimension(key: str, value: Any) -> Dimension | str:
    if isinstance(value, list):
        if not value:
            return f"search.space: {key}: the list is empty: give {FORMS}"
        if len({json.dumps(one, sort_keys=True) for one in value}) < len(value):
            return f"search.space: {key} lists a value twice: {shown(typed(value))}"
        return Listed(key, tuple(value))
    parsed = RANGE.fullmatch(value) if isinstance(value, str) else None
    if parsed is None:
        return f"search.space: {key}: cannot be searched over {shown(typed(value), 60)}: give {FORMS}"
    return _range(key, *parsed.groups())


def _range(key: str, kind: str, low: str, high: str) -> Range | str:
    text = f"search.space: {key}: {kind}({low},{high})"
    try:
        ends = float(low), float(high)
    except ValueError:
        return f"{text}: both ends must be numbers"
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[1]:
        return f"{text}: must be two finite numbers, the smaller one first"
    if kind == "log" and ends[0] <= 0:
        return f"{text}: a logarithm needs positive ends"
    if kind == "int" and any(end != int(end) for end in ends):
        return f"{text}: must be whole numbers"
    if kind == "int":
        return Range(key, "int", int(ends[0]), int(ends[1]))
    if kind == "log":
        return Range(key, "log", *ends)
    if kind == "uniform":
        return Range(key, "uniform", *ends)
    return f"{text}: no such range{did_you_mean(kind, ['log', 'uniform', 'int'])}"


def space_problems(config: RunConfig) -> list[str]:
    """Return what is wrong with a search as it is asked for, one line each; what needs the data comes later."""
    search = config.search
    if search.name == NONE:
        return []
    if not search.space:
        return ['search.space is empty: give what to search over: "search.space={optimizer.lr: log(1e-5,1e-2)}"']
    try:
        space = read_space(search.space)
    except ConfigError as error:
        return str(error).splitlines()
    problems = [problem for dimension in space for problem in _key_problems(config, dimension)]
    ranged = [one.key for one in space if isinstance(one, Range) and one.kind != "int"]
    if search.name == "grid" and ranged:
        problems.append(f"search=grid needs lists or int(a,b), not a range without end as of {ranged[0]}: or use tpe")
    return [*problems, *_cost_problems(search), *_other_sections(config)]


def _cost_problems(search: SearchConfig) -> Iterator[str]:
    """Yield what of a search cannot go with a second objective."""
    if search.cost == NONE:
        return
    if search.name == "cmaes":
        yield f"search=cmaes knows one objective: leave search.cost={search.cost} out, or use search=tpe"
    if search.nested is not None:
        yield f"search.nested picks by the score alone: leave it out, or search.cost={search.cost}"


def _other_sections(config: RunConfig) -> Iterator[str]:
    """Yield what else of a configuration cannot go with a search."""
    if config.executor.name != "local":
        yield f"search={config.search.name} trains here: start the command on each machine instead of executor="
    if config.cv.fold is not None:
        yield f"cv.fold={config.cv.fold}: a search trains every fold: leave it out"
    if config.cv.inner.n_splits is not None:
        yield "cv.inner.n_splits: nested folds choose among settings themselves: leave it out, or search= out"
    if config.profile.only:
        yield "profile.only=true trains nothing: leave search= out"
    if config.budget.hours is not None:
        yield "budget.hours ends one run; a search goes on wherever it is ended: timeout 8h before the command"
    if isinstance(config.seed, list):
        yield "seed: a search trains one seed: give the list to the best trial later"


def _key_problems(config: RunConfig, dimension: Dimension) -> Iterator[str]:
    key = dimension.key
    section, _, rest = key.partition(".")
    if key in GROUPS:
        yield from _group_problems(dimension)
    elif key == "model.pretrained" or rest.startswith("_target_"):
        yield f"search.space: {key} {SHARED}" if rest == "pretrained" else f"search.space: {key}: search {section}"
    elif key == "model.name" and (config.data.get("preprocess") or {}).get("normalize") == "weights":
        yield f"search.space: model.name with data.preprocess.normalize=weights: the pixels {SHARED[3:]}"
    elif section in GROUPS[:-1] and rest:
        yield from _unheard_of(config, key)
    elif key in known_keys() and key.startswith(CLOSED):
        option = next((one for one in options_of(RunConfig) if one.key == key), None)
        yield from [] if option is None else _closed_problems(option, dimension)
    elif is_known(key) or section in OPEN_SECTIONS:
        yield f"search.space: {key} {SHARED}"
    else:
        yield _unknown(key)


def _unknown(key: str) -> str:
    near = nearest_key(key)
    hint = did_you_mean(key, [*known_keys(), *open_keys()]) if near is None else f": did you mean '{near}'?"
    return f"search.space: {key}: unknown key{hint}"


def _unheard_of(config: RunConfig, key: str) -> Iterator[str]:
    """Say so where neither the configuration nor any file of conf/ has such a key, and a close one is there."""
    section, _, rest = key.partition(".")
    has = flatten(getattr(config, section))
    if rest.split(".")[0] in {name.split(".")[0] for name in has} or key in open_keys():
        return
    own = str(getattr(config, section).get("_target_", "")).startswith(("trainer.", "torch."))
    meant = did_you_mean(key, [*(f"{section}.{name}" for name in has if name != "_target_"), *open_keys()])
    if own and "did you mean" in meant:
        yield f"search.space: {key}: unknown key{meant}"


def _group_problems(dimension: Dimension) -> Iterator[str]:
    key, known = dimension.key, choices(dimension.key)
    if isinstance(dimension, Range):
        yield f"search.space: {key}: is chosen from a list: {key}: [{', '.join(known[:3])}]"
        return
    for value in dimension.values:
        if value not in known:
            yield f"search.space: {key}: no such {key} {shown(typed(value))}{did_you_mean(str(value), known)}"


def _closed_problems(option: Option, dimension: Dimension) -> Iterator[str]:
    """Yield the values that a setting of the schema cannot have: of another type, or outside its bounds."""
    values = dimension.ends()
    if isinstance(dimension, Range) and dimension.kind != "int" and not fits(0.5, option.kind):
        whole = "; int(a,b) draws those" if fits(1, option.kind) else ""
        yield f"search.space: {option.key} must be {describe(option.kind)}, not {dimension.kind}(...){whole}"
        return
    for value in values:
        if not fits(value, option.kind):
            yield f"search.space: {option.key}={shown(typed(value))}: must be {describe(option.kind)}"
        elif problem := option.problem(value):
            yield f"search.space: {problem}"


def with_values(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with some settings of its own, by dotted key; what it was made of stays as it is."""
    changed = deepcopy(config)
    for key, value in values.items():
        *sections, name = key.split(".")
        place: Any = changed
        for section in sections:
            place = place.setdefault(section, {}) if isinstance(place, dict) else getattr(place, section)
        if isinstance(place, dict):
            place[name] = value
        else:
            setattr(place, name, value)
    return changed
