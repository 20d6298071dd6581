"""The terminal that everything is printed on."""

from rich.console import Console


def terminal(*, quiet: bool = False) -> Console:
    """Return a console that prints names as they are: ``[id]`` or ``:cat:`` in them is no markup.

    Args:
        quiet: print nothing.
    """
    return Console(quiet=quiet, markup=False, emoji=False)
