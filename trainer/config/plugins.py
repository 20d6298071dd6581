"""Packages of the user's own, which a command line names: found from the folder that it is typed in."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from trainer.errors import first_line_of, shown


def find_here(plugins: Sequence[str]) -> None:
    """Let packages be imported from the current folder, as an installed command does not by itself."""
    if plugins and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def plugin_problems(plugins: Sequence[str], option: Callable[[str], str] = "plugins=[{}]".format) -> list[str]:
    """Import plugins, and return which cannot be, each with what to do.

    Args:
        plugins: names of packages or modules.
        option: returns how one is named on the command line.
    """
    problems = []
    for plugin in plugins:
        try:
            import_module(plugin)
        except Exception as error:  # a package of the user's may raise anything
            name = plugin.removesuffix(".py").strip("./").replace("/", ".")
            named = f"name the module: {option(name)}" if name != plugin and name else ""
            told = named or "run from the directory that holds it or install it"
            problems.append(f"plugins: cannot import '{plugin}': {shown(first_line_of(error), 160)}; {told}")
    return problems
