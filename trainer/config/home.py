"""Writes out ``~`` in every option of a run that is a path, whichever section it is in."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
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
    try:
        paths = path_arguments(resolve_target(name, section.get("_target_"), plugins))
    except (ConfigError, KeyError):
        paths = set()
    return {**section, **{key: at_home(section[key]) for key in paths if key in section}, **changed}


def path_arguments(target: Callable[..., Any]) -> set[str]:
    """Return the arguments of a class or function that are paths, those of a dataclass that it takes among them."""
    try:
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, TypeError):  # a name that exists for type checkers only
        return set()
    records = [hint for hint in hints.values() if inspect.isclass(hint) and is_dataclass(hint)]
    return {name for name, hint in hints.items() if is_path(hint)}.union(*map(path_arguments, records))
