"""conf/data lists every argument of its loader with the loader's own default."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

CONF = Path(__file__).resolve().parents[2] / "conf" / "data"
FILES = ["digits", "breast_cancer", "wine", "iris", "csv_tabular", "csv_text"]


def defaults_of(target: str) -> dict:
    module, name = target.rsplit(".", 1)
    parameters = inspect.signature(getattr(import_module(module), name)).parameters.values()
    return {p.name: p.default for p in parameters}


def plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", FILES)
def test_yaml_mirrors_its_functions(name: str) -> None:
    text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    section = OmegaConf.to_container(OmegaConf.create(text))
    preprocess = section.pop("preprocess")
    for part in (section, preprocess):
        defaults = defaults_of(part.pop("_target_"))
        assert set(part) == set(defaults)
        for key, default in defaults.items():
            if default is not inspect.Parameter.empty:
                assert part[key] == plain(default), key
