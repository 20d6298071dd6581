"""``foldwise predict``: new rows through the folds of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from trainer.errors import ConfigError

Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Folds = Annotated[str | None, typer.Option(metavar="0,2", help="folds to take, by number; default: all of them")]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="where to compute; default: as the run was configured")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package of yours that the run's classes are from; repeat for several"),
]


def fold_numbers(folds: str | None) -> Sequence[int] | None:
    """Return the numbers in ``0,2``; None where none are given.

    Raises:
        ConfigError: it is something else.
    """
    if folds is None:
        return None
    try:
        return [int(part) for part in folds.split(",")]
    except ValueError as error:
        raise ConfigError(f"--folds {folds}: give numbers of folds, such as 0,2") from error
