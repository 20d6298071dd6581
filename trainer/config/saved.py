"""The configuration of a run read back from its config.yaml, by the same types as one that is composed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, SCMode
from omegaconf.errors import OmegaConfBaseException

from trainer.config.problems import explain
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig
from trainer.errors import CheckpointError, first_line_of

INTERPOLATION = "${"


def read_config(text: str, path: str, plugins: Sequence[str] = ()) -> RunConfig:
    """Return a configuration that ``to_yaml`` wrote; nothing in it is looked up, imported or built.

    Args:
        text: of config.yaml.
        path: of it, for messages.
        plugins: packages that whoever reads it allows; those it names itself do not count.

    Raises:
        CheckpointError: it is damaged, or of another version of Foldwise.
    """
    if INTERPOLATION in text:  # to_yaml writes values; one that would be looked up here is somebody else's
        raise CheckpointError(f"{path} is damaged: '{INTERPOLATION}' in it would look something up")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CheckpointError(f"{path} is damaged: {first_line_of(error)}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: it holds no configuration")
    return replace(_typed(values, path), plugins=list(plugins))


@cache
def open_schema() -> DictConfig:
    """Return the typed sections of a run; the open ones accept any key, ``build.py`` checks them.

    Made once, a tenth of the time of a composition; Hydra's store and ``OmegaConf.merge`` copy what they are given.
    """
    node: DictConfig = OmegaConf.structured(RunConfig)
    named = [node[name] for name in (*OPEN_SECTIONS, *LISTED_SECTIONS)]
    inside = (node.cv.inner.grid, node.cv.arguments, node.executor.options, node.search.space, node.pseudo.thresholds)
    for section in (*named, *inside):
        OmegaConf.set_struct(section, False)
    return node


def _typed(values: dict[str, Any], path: str) -> RunConfig:
    try:
        merged = OmegaConf.merge(open_schema(), OmegaConf.create(values))
        config = OmegaConf.to_container(merged, structured_config_mode=SCMode.INSTANTIATE)
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        said = explain(error) if isinstance(error, OmegaConfBaseException) else first_line_of(error)
        raise CheckpointError(f"{path} is damaged, or of another version of Foldwise: {said}") from error
    assert isinstance(config, RunConfig)
    return config
