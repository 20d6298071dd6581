"""Cross-validate: compose the configuration, check it, run it. ``python train.py --help`` lists the choices."""

import sys
from functools import partial

import hydra
from omegaconf import DictConfig

from trainer.config.compose import Launch, composed, job, register_schema
from trainer.config.help import help_text
from trainer.config.keys import CONF
from trainer.config.schema import RunConfig
from trainer.errors import guarded, no_exit
from trainer.system.fast_import import first_import
from trainer.system.interrupts import end_soon

register_schema()


def check(config: RunConfig) -> None:
    """Check a configuration without running it (imports torch, so only when asked)."""
    from trainer.run.validate import check_config

    with no_exit():
        check_config(config)


def run(config: RunConfig, launch: Launch) -> None:
    """Run a configuration."""
    with first_import("trainer.run.cross_validate"):
        from trainer.run.cross_validate import cross_validate
        from trainer.search.sweep import run as run_job

    train = partial(cross_validate, config, launch)
    run_job(train, launch, progress=config.runtime.progress, all_folds=config.cv.fold is None)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """Run one composed configuration."""
    job(cfg, run)


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv[1:]):
        sys.exit(guarded(lambda: print(help_text(), flush=True)))
    sys.exit(end_soon(guarded(lambda: composed(main, check))))
