"""conf/data lists every argument of its loader with the loader's own default."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.places import REPOSITORY
from trainer.config.build import PARTS

CONF = REPOSITORY / "conf" / "data"
FILES = sorted(CONF.rglob("*.yaml"))
CHOSEN = {"characters": {"unit": "characters", "max_length": 1024}}  # what a choice sets otherwise than its function


def defaults_of(target: str) -> dict:
    module, name = target.rsplit(".", 1)
    parameters = inspect.signature(getattr(import_module(module), name)).parameters.values()
    return {p.name: p.default for p in parameters}


def plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_yaml_mirrors_its_function(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    section = OmegaConf.to_container(OmegaConf.create(text))
    section.pop("defaults", None)
    defaults = defaults_of(section.pop("_target_"))
    assert set(section) == set(defaults) - {*PARTS["data.preprocess"].offered}
    for key, value in section.items():
        if defaults[key] is not inspect.Parameter.empty:
            assert value == CHOSEN.get(path.stem, {}).get(key, plain(defaults[key])), key
