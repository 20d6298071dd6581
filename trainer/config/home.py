"""Writes out ``~`` in every option of a run that is a path, whichever section it is in."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, get_type_hints

from trainer.config.build import resolve_target
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.errors import ConfigError
from trainer.system.paths import at_home, is_path


def with_home(config: RunConfig) -> RunConfig:
    """Return a configuration whose paths begin with no ``~``.

    The schema and the signatures of the classes that the open sections name say which options are paths. A section
    that names no usable class is left as it is: the checks say so.
    """
    changed = {name: _section(name, getattr(config, name), config.plugins) for name in OPEN_SECTIONS}
    tracker = {name: _section("tracker", section, config.plugins) for name, section in config.tracker.items()}
    closed: RunConfig = _closed(config)
    return replace(closed, **changed, tracker=tracker)


def _closed(record: Any) -> Any:
    hints = get_type_hints(type(record), include_extras=True)
    changed: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        changed[field.name] = _closed(value) if is_dataclass(value) else value
        if is_path(hints[field.name]):
            changed[field.name] = at_home(value)
    return replace(record, **changed)


def _section(name: str, section: Any, plugins: Sequence[str]) -> Any:
    if not isinstance(section, Mapping):
        return section
    changed = {key: _section(f"{name}.{key}", section[key], plugins) for key in ("preprocess",) if key in section}
    return {**section, **{key: at_home(section[key]) for key in _paths_in(name, section, plugins)}, **changed}


def given_paths(config: RunConfig) -> dict[str, str]:
    """Return every path of a configuration by its dotted key."""
    found = dict(_closed_paths(config, ""))
    sections = {name: getattr(config, name) for name in OPEN_SECTIONS}
    sections["data.preprocess"] = config.data.get("preprocess")
    for name, section in sections.items():
        if isinstance(section, Mapping):
            found |= {f"{name}.{key}": section[key] for key in _paths_in(name, section, config.plugins)}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _closed_paths(record: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    kind: type = type(record)
    hints = _hints(kind)
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            yield from _closed_paths(value, f"{prefix}{field.name}.")
        elif is_path(hints[field.name]):
            yield f"{prefix}{field.name}", value


@cache
def _hints(record: type) -> dict[str, Any]:
    return get_type_hints(record, include_extras=True)


def _paths_in(name: str, section: Mapping[str, Any], plugins: Sequence[str]) -> set[str]:
    """Return the keys of a section that are paths; none where it names no usable class, which the checks say."""
    try:
        paths = path_arguments(resolve_target(name, section.get("_target_"), plugins))
    except (ConfigError, KeyError):
        return set()
    return paths & set(section)


def path_arguments(target: Callable[..., Any]) -> set[str]:
    """Return the arguments of a class or function that are paths, those of a dataclass that it takes among them."""
    try:
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, TypeError):  # a name that exists for type checkers only
        return set()
    records = [hint for hint in hints.values() if inspect.isclass(hint) and is_dataclass(hint)]
    return {name for name, hint in hints.items() if is_path(hint)}.union(*map(path_arguments, records))
