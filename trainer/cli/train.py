"""``foldwise train KEY=VALUE ...``: what ``python train.py`` does in a checkout, from any folder."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.errors import guarded, no_exit
from trainer.system.fast_import import first_import

if TYPE_CHECKING:
    from trainer.config.compose import Launch
    from trainer.config.schema import RunConfig

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


def check(config: "RunConfig") -> None:
    """Check a configuration without running it (imports torch, so only when asked)."""
    from trainer.config.home import with_home
    from trainer.run.validate import check_config

    with no_exit():
        check_config(with_home(config))


def run(config: "RunConfig", launch: "Launch", door: str | None = None) -> None:
    """Run a configuration.

    Args:
        config: as composed.
        launch: how it was asked for.
        door: the command that trains, as it is typed; None = as ``launch`` has it.
    """
    with first_import("trainer.search.sweep"):
        from trainer.search.sweep import run as run_job
    if config.pseudo.path is not None:
        from trainer.inference.pseudo_rows import predict_unlabelled

        predict_unlabelled(config)
    run_job(config, launch if door is None else replace(launch, door=door))
