"""From the values of a trial to its configuration, and the check of all that before the first trial."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainer.config.build import check_section
from trainer.config.compose import Launch, compose_run
from trainer.config.home import with_home
from trainer.config.keys import flatten, typed, values_text
from trainer.config.near_keys import open_keys
from trainer.config.overrides import key_of
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.config.search import SearchConfig
from trainer.config.search_space import GROUPS, Dimension, with_values
from trainer.errors import ConfigError, FoldwiseError, did_you_mean
from trainer.run.validate import check_config

Choice = tuple[tuple[str, str], ...]  # of each group that is searched the file that is taken


@dataclass(frozen=True)
class TrialConfigs:
    """The configurations of a search's trials.

    Attributes:
        config: as composed, without the search.
        launch: how it was asked for.
        space: what is searched, groups first.
        composed: the configuration of each choice of groups that was asked for.
        takes: whether such a configuration has a key.
    """

    config: RunConfig
    launch: Launch
    space: Sequence[Dimension]
    composed: dict[Choice, RunConfig] = field(default_factory=dict)
    takes: dict[tuple[Choice, str], bool] = field(default_factory=dict)

    def groups(self) -> list[Dimension]:
        """Return the groups that are searched."""
        return [one for one in self.space if one.key in GROUPS]

    def settings(self, choice: Choice) -> list[Dimension]:
        """Return the other settings that a configuration of these files has."""
        return [one for one in self.space if one.key not in GROUPS and self.has(choice, one)]

    def base(self, choice: Choice) -> RunConfig:
        """Return the configuration with files of groups, composed as the command line would compose it.

        Raises:
            ConfigError: it cannot be, with the rest of the command.
        """
        if choice not in self.composed:
            self.composed[choice] = self._compose(choice) if choice else self.config
        return self.composed[choice]

    def _compose(self, choice: Choice) -> RunConfig:
        named = dict(choice)
        kept = [item for item in self.launch.command if key_of(item) not in named and not _of_search(item)]
        overrides = [*kept, *(f"{group}={file}" for group, file in choice)]
        try:
            config, _ = compose_run(overrides, check_config)
        except ConfigError as error:
            raise ConfigError(f"search.space, {values_text(named)}: {error}") from error
        return replace(
            with_home(config), run=self.config.run, cv=self.config.cv, paths=self.config.paths, search=SearchConfig()
        )

    def has(self, choice: Choice, dimension: Dimension) -> bool:
        """Return whether a configuration has a setting, or its class takes it: sgd has momentum, adamw has none."""
        known = (choice, dimension.key)
        if known not in self.takes:
            self.takes[known] = _has(self.base(choice), dimension)
        return self.takes[known]

    def config_of(self, choice: Choice, values: Mapping[str, Any], directory: Path) -> RunConfig:
        """Return the configuration of a trial, which is a run of its own."""
        config = with_values(self.base(choice), values)
        config.run, config.paths.runs = directory.name, str(directory.parent)
        config.paths.cache = self.config.paths.cache or f"{self.config.paths.runs}/.cache"
        return config

    def command_of(self, choice: Choice, values: Mapping[str, Any], directory: Path) -> list[str]:
        """Return what is typed to train a trial's settings as a run of its own."""
        own = {**dict(choice), **values, "paths.runs": str(directory.parent), "run": directory.name}
        kept = [item for item in self.launch.command if key_of(item) not in own and not _of_search(item)]
        return [*kept, *(f"{key}={typed(value)}" for key, value in own.items())]


def _of_search(item: str) -> bool:
    return key_of(item).partition(".")[0] == "search"


def _has(config: RunConfig, dimension: Dimension) -> bool:
    section, _, rest = dimension.key.partition(".")
    if section not in OPEN_SECTIONS:
        return True
    if rest.split(".")[0] in {name.split(".")[0] for name in flatten(getattr(config, section))}:
        return True
    tried = with_values(config, {dimension.key: dimension.ends()[0]})
    return not check_section(section, getattr(tried, section), config.plugins)


def tried_choices(configs: TrialConfigs) -> Iterator[Choice]:
    """Yield choices in which each file of each group occurs, the others as in the first."""
    groups = configs.groups()
    first = {one.key: str(one.ends()[0]) for one in groups}
    yield tuple(first.items())
    for one in groups:
        yield from (tuple({**first, one.key: str(value)}.items()) for value in one.ends()[1:])


def require_sound(configs: TrialConfigs) -> None:
    """Try each file and the ends of each range in a configuration, before anything is read or trained.

    Raises:
        ConfigError: with every problem.
    """
    choices, problems = list(tried_choices(configs)), dict[str, None]()
    if broken := list(_problems(configs.base(choices[0]), {})):
        raise ConfigError.from_problems([f"search.space, {values_text(dict(choices[0]))}: {one}" for one in broken])
    for choice in choices:
        for dimension in configs.settings(choice):
            for value in dimension.ends():
                for problem in _problems(configs.base(choice), {dimension.key: value}):
                    problems.setdefault(f"search.space, {values_text({dimension.key: value})}: {problem}")
    for dimension in configs.space:
        if dimension.key not in GROUPS and not any(configs.has(choice, dimension) for choice in choices):
            problems.setdefault(_nowhere(configs, choices, dimension.key))
    if problems:
        raise ConfigError.from_problems(list(problems))


def _nowhere(configs: TrialConfigs, choices: Sequence[Choice], key: str) -> str:
    section = key.partition(".")[0]
    has = itertools.chain.from_iterable(flatten(getattr(configs.base(choice), section)) for choice in choices)
    known = [f"{section}.{name}" for name in dict.fromkeys(has) if name != "_target_"]
    target = getattr(configs.config, section).get("_target_")
    if key in open_keys():
        return f"search.space: {key}: {target} has no such setting{did_you_mean(key, known)}"
    return f"search.space: {key}: unknown key{did_you_mean(key, known)}"


def _problems(config: RunConfig, values: Mapping[str, Any]) -> Iterator[str]:
    try:
        check_config(with_values(config, values))
    except FoldwiseError as error:
        yield from str(error).splitlines()
