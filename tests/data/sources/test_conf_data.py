"""conf/data lists every argument of its loader with the loader's own default."""

import inspect
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
from omegaconf import OmegaConf

from tests.places import REPOSITORY
from trainer.config.build import PARTS, takes
from trainer.data.columns.options import ColumnOptions

CONF = REPOSITORY / "conf" / "data"
FILES = sorted(CONF.rglob("[!_]*.yaml"))
SHARED = CONF / "_columns.yaml"
CHOSEN = {"characters": {"unit": "characters", "max_length": 1024}}  # what a choice sets otherwise than its function


def defaults_of(target: str) -> dict:
    module, name = target.rsplit(".", 1)
    return {key: parameter.default for key, (parameter, _) in takes(getattr(import_module(module), name)).items()}


def plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_yaml_mirrors_its_function(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    section = OmegaConf.to_container(OmegaConf.create(text))
    if "_columns" in section.pop("defaults", []):
        section |= OmegaConf.to_container(OmegaConf.load(SHARED))
    defaults = defaults_of(section.pop("_target_"))
    assert set(section) == set(defaults) - {*PARTS["data.preprocess"].offered}
    for key, value in section.items():
        if defaults[key] is not inspect.Parameter.empty:
            assert value == CHOSEN.get(path.stem, {}).get(key, plain(defaults[key])), key


def test_the_shared_options_are_described_in_the_words_of_their_fields() -> None:
    hints = get_type_hints(ColumnOptions, include_extras=True)
    lines = SHARED.read_text(encoding="utf-8").splitlines()[1:]
    described = {line.partition(":")[0]: line.partition(" # ")[2] for line in lines}
    assert described == {field.name: hints[field.name].__metadata__[0] for field in fields(ColumnOptions)}
