"""Cross-validate: compose the configuration, check it, run it. ``python train.py --help`` lists the choices."""

import sys

from trainer.config.help import answer
from trainer.errors import guarded

if __name__ == "__main__" and (asked := answer(sys.argv[1:])):  # before Hydra is imported, which takes longer
    sys.exit(guarded(lambda: print(asked, flush=True)))

import hydra
from omegaconf import DictConfig

from trainer.cli.train_job import check, run
from trainer.config.compose import composed, job, register_schema
from trainer.config.keys import CONF
from trainer.system.interrupts import end_soon

register_schema()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """Run one composed configuration."""
    job(cfg, run)


if __name__ == "__main__":
    sys.exit(end_soon(guarded(lambda: composed(main, check))))
