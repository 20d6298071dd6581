"""``foldwise train KEY=VALUE ...``: what ``python train.py`` does in a checkout, from any folder."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from trainer.cli.train_job import check, run
from trainer.errors import guarded

Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="options of the run")]


def train(arguments: Overrides = None) -> None:
    """Cross-validate; foldwise train --help lists the choices."""
    raise typer.Exit(train_main(arguments or []))


def train_main(arguments: Sequence[str]) -> int:
    """Train as a command line says, and return the exit code."""
    from trainer.config.help import INSTALLED_DOOR, answer
    from trainer.system.interrupts import end_soon

    if asked := answer(arguments, INSTALLED_DOOR):
        return guarded(lambda: print(asked, flush=True))
    from trainer.config.compose import composed, hydra_main, register_schema

    register_schema()
    sys.argv = [INSTALLED_DOOR, *arguments]  # where Hydra reads them
    return end_soon(guarded(lambda: composed(hydra_main(partial(run, door=INSTALLED_DOOR)), check)))
