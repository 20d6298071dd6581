"""Overrides composed once: Hydra's main composes them a first time only to learn whether they are a sweep."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from trainer.config.keys import CONF

# of Hydra's own options; with others its main has more to do
PLAIN: dict[str, Any] = {"callbacks": {}, "output_subdir": None, "mode": None}


def composed_once(arguments: Sequence[str]) -> DictConfig | None:
    """Return what Hydra's main would make of a command line; None where it is to do so itself.

    It is where there are flags or options of Hydra's own, and where nothing can be composed, which it then explains.
    """
    if any(item.startswith("-") or "hydra" in item for item in arguments):
        return None
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra.compose("config", overrides=list(arguments), return_hydra_config=True)
    except Exception:  # what Hydra makes of a value may raise anything
        return None
    own, work = cfg.hydra, cfg.hydra.job
    plain = all(own[key] == value for key, value in PLAIN.items()) and not (work.chdir or work.env_set)
    return cfg if plain else None


@contextmanager
def at_work(cfg: DictConfig) -> Iterator[None]:
    """Let Hydra's own options be found as within its main, and only there, for the length of the block."""
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        cfg.hydra.mode = RunMode.RUN
        cfg.hydra.runtime.output_dir = str(Path(cfg.hydra.run.dir).absolute())
    place = HydraConfig.instance()
    before = place.cfg
    place.set_config(cfg)
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    try:
        yield
    finally:
        place.cfg = before
