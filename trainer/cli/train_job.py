"""What a command line has composed is checked and run; of the command line ``python train.py`` needs no more."""

from dataclasses import replace
from typing import TYPE_CHECKING

from trainer.errors import no_exit
from trainer.system.fast_import import first_import
from trainer.system.late_imports import imported_later, used_late_in_training

if TYPE_CHECKING:
    from trainer.config.compose import Launch
    from trainer.config.schema import RunConfig


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
    with first_import("trainer.search.sweep"), imported_later(used_late_in_training()):
        from trainer.search.sweep import run as run_job
    if config.pseudo.path is not None:
        from trainer.inference.pseudo_rows import predict_unlabelled

        predict_unlabelled(config)
    run_job(config, launch if door is None else replace(launch, door=door))
