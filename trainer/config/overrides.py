"""Overrides such as ``optimizer.lr=0.1``, taken apart and written as Hydra reads them."""

import re
import shlex
from collections.abc import Sequence


def key_of(override: str) -> str:
    """Return the dotted name; ``+key=value`` and ``~key`` are Hydra's add and delete."""
    return override.lstrip("+~").partition("=")[0]


def value_of(override: str) -> str:
    """Return the value without its quotes."""
    return override.partition("=")[2].strip("'\"")


def without(command: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return the overrides of a command line but for those of ``keys``, and no flags."""
    return [item for item in command if not item.startswith("-") and key_of(item) not in keys]


def quoted(text: str) -> str:
    """Quote a value where Hydra's grammar would read more than a word."""
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else "'" + text.replace("'", "\\'") + "'"


def listed(values: Sequence[str]) -> str:
    """Return a list as Hydra reads it."""
    return f"[{','.join(map(quoted, values))}]"


def in_shell(item: str) -> str:
    """Quote an override where a shell would read more than a word."""
    plain = re.fullmatch(r"[\w./=,-]+", item, re.ASCII) is not None
    return item if plain else shlex.quote(item) if re.search(r'[$`"\\!]', item) else f'"{item}"'
