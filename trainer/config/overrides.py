"""Overrides such as ``optimizer.lr=0.1``, taken apart and written as Hydra reads them."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer.config.keys import flatten


def key_of(override: str) -> str:
    """Return the dotted name; ``+key=value`` and ``~key`` are Hydra's add and delete."""
    return override.lstrip("+~").partition("=")[0]


def value_of(override: str) -> str:
    """Return the value without its quotes."""
    return override.partition("=")[2].strip("'\"")


def given_keys(overrides: Iterable[str]) -> set[str]:
    """Return the dotted names that overrides give, those within ``model={_target_:my.Net,width:8}`` too."""
    keys = set()
    for item in overrides:
        key, text = key_of(item), item.partition("=")[2]
        keys.add(key)
        if text.startswith("{") and "_target_" in text:
            from hydra.core.override_parser.overrides_parser import OverridesParser  # much to import for most commands

            value = OverridesParser.create().parse_override(item).value()
            keys |= set(flatten(value, f"{key}.") if isinstance(value, Mapping) else ())
    return keys


def without(command: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return the overrides of a command line but for those of ``keys``, and no flags."""
    return [item for item in command if not item.startswith("-") and key_of(item) not in keys]


def quoted(text: str) -> str:
    """Quote a value where Hydra's grammar would read more than a word."""
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else "'" + text.replace("'", "\\'") + "'"


def listed(values: Sequence[str]) -> str:
    """Return a list as Hydra reads it."""
    return f"[{','.join(map(quoted, values))}]"


def written(value: Any, *, in_list: bool = False) -> str:
    """Return a value as Hydra reads it.

    Args:
        value: a word, a truth value, or several words.
        in_list: whether one word of several is a list too.
    """
    if isinstance(value, list | tuple):
        words = list(map(str, value))
        return listed(words) if in_list or len(words) != 1 else quoted(words[0])
    return str(value).lower() if isinstance(value, bool) else quoted(str(value))


def command(door: str, items: Sequence[str]) -> str:
    """Return a command as it is typed in a shell.

    Args:
        door: what trains, such as ``INSTALLED_DOOR`` of ``trainer.config.help``.
        items: overrides.
    """
    return " ".join([door, *map(in_shell, items)])


def in_shell(item: str) -> str:
    """Quote an override where a shell would read more than a word."""
    plain = re.fullmatch(r"[\w./=,-]+", item, re.ASCII) is not None
    return item if plain else shlex.quote(item) if re.search(r'[$`"\\!]', item) else f'"{item}"'
