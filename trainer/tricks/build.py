"""From the sections of ``tricks`` to objects, checked before anything is built."""

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config.build import check_section, construct, resolve_target
from trainer.errors import ConfigError
from trainer.tricks.contract import OPTIONAL


def trick_problems(sections: Mapping[str, Any], plugins: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with the ``tricks`` sections: names, arguments, values, and methods that are not there."""
    problems: list[str] = []
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            problems.append(f"tricks.{name}={section}: a trick is a section with _target_ (tricks=[fgm,rdrop])")
            continue
        found = [
            problem.replace("tricks", f"tricks.{name}", 1) for problem in check_section("tricks", section, plugins)
        ]
        problems += found or _made(name, section, plugins)
    return problems


def _made(name: str, section: Mapping[str, Any], plugins: Sequence[str]) -> list[str]:
    target = resolve_target("tricks", section["_target_"], plugins)
    if not callable(getattr(target, "attach", None)):
        return [f"tricks.{name}: {section['_target_']} has no method attach (trainer/tricks/contract.py)"]
    if not any(callable(getattr(target, method, None)) for method in OPTIONAL):
        told = ", ".join(OPTIONAL)
        return [f"tricks.{name}: {section['_target_']} does nothing: it has none of the methods {told}"]
    try:
        construct("tricks", section, plugins)
    except ConfigError as error:
        return [str(error)]
    return []


def make(sections: Mapping[str, Any], plugins: Sequence[str] = ()) -> dict[str, Any]:
    """Build the tricks by name.

    Raises:
        ConfigError: a constructor refused its arguments.
    """
    return {name: construct("tricks", section, plugins) for name, section in sections.items()}
