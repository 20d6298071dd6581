"""Cross-validate: compose the configuration, check it, run it. ``python train.py --help`` lists the choices."""

import sys

import hydra
from omegaconf import DictConfig

from trainer.config.compose import composed, launch_config, register_schema
from trainer.config.errors import guarded
from trainer.config.help import help_text
from trainer.config.schema import RunConfig

register_schema()


def check(config: RunConfig) -> None:
    """Run the checks a composed configuration goes through (torch is imported only then)."""
    from trainer.check import check_config

    check_config(config)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    """Run one composed configuration."""
    from trainer.run import run

    run(*launch_config(cfg))


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(help_text())
        sys.exit(0)
    sys.exit(guarded(composed(main, check)))
