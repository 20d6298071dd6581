"""The Chinese page of options against the schema and conf/; the English one is made of them."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml

from tests.pages.reading import CHINESE
from trainer.config.keys import CONF, flatten
from trainer.config.schema import OPEN_SECTIONS, RunConfig

PAGE = CHINESE / "reference/options.md"


def table_rows(page: Path) -> list[list[str]]:
    lines = page.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def documented_defaults(page: Path) -> dict[str, str]:
    """Default by key, from the tables whose first two cells are a key and a value."""
    return {
        row[0].strip("`"): row[1] for row in table_rows(page) if re.fullmatch(r"`[\w.]+`", row[0]) and len(row) == 3
    }


def schema_defaults() -> dict[str, object]:
    defaults = {}
    for field in fields(RunConfig):
        value = getattr(RunConfig(), field.name)
        if field.name in OPEN_SECTIONS:
            continue
        defaults |= {field.name: value} if not is_dataclass(value) else leaves(value, f"{field.name}.")
    return defaults


def leaves(section: object, prefix: str) -> dict[str, object]:
    """Every key of a section and of the sections in it, dotted, with its default."""
    found = {}
    for field in fields(section):
        value = getattr(section, field.name)
        found |= leaves(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
    return found


@pytest.mark.parametrize(("key", "default"), schema_defaults().items())
def test_key_is_documented_with_its_default(key: str, default: object) -> None:
    documented = documented_defaults(PAGE)[key]
    assert yaml.safe_load(documented.strip("`")) == default


def open_options() -> list[tuple[str, object]]:
    """Every option of the reader's own data and of the models and losses, with its default."""
    own_data = [path for path in CONF.glob("data/*.yaml") if "path: ???" in path.read_text(encoding="utf-8")]
    own_data.append(CONF / "data" / "_columns.yaml")  # what they have in common
    paths = [*own_data, *CONF.glob("data/preprocess/*.yaml"), *CONF.glob("model/*.yaml"), *CONF.glob("loss/*.yaml")]
    options = []
    for path in paths:
        section = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "_columns" in section.pop("defaults", []):
            section |= yaml.safe_load((CONF / "data" / "_columns.yaml").read_text(encoding="utf-8"))
        place = path.parent.relative_to(CONF)
        values = (
            section.get(place.name, section) if "@package _global_" in path.read_text(encoding="utf-8") else section
        )
        flat = flatten(values, f"{place.as_posix().replace('/', '.')}.")
        options += [(key, default) for key, default in flat.items() if not key.endswith("_target_")]
    return options


def documented_options(page: Path) -> list[tuple[str, str]]:
    """Key and default from the tables with four columns: the key is in the first or the second, the default third."""
    found = []
    for row in table_rows(page):
        keys = [cell.strip("`") for cell in row[:2] if re.fullmatch(r"`(data|model|loss)\.[\w.]+`", cell)]
        if len(row) == 4 and keys:
            found.append((keys[0], row[2]))
    return found


def test_options_of_data_model_and_loss_are_documented_with_their_defaults() -> None:
    documented = [
        (key, yaml.safe_load(cell.strip("`")) if cell.startswith("`") else "???")
        for key, cell in documented_options(PAGE)
    ]
    options = open_options()
    assert [option for option in documented if option not in options] == []  # all of them: docs/reference/options.md
