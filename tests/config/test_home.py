"""``~`` in every option of a run that is a path, found by type and never by name."""

import re
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml

from trainer.config.build import PARTS, resolve_target
from trainer.config.compose import with_quotes
from trainer.config.home import path_arguments, with_home
from trainer.config.keys import CONF
from trainer.config.reference import _yaml_options
from trainer.config.schema import RunConfig
from trainer.system.paths import PathText, is_path

NAMES_A_FILE = re.compile(
    r"(^|: )(a )?(directory|table file|\.npz|file of weights|file of folds|file with the ids"
    r"|table of unlabelled|finished run)"
)


def closed(record=RunConfig, prefix=()):
    """Yield the keys of the closed sections with type and description."""
    hints = get_type_hints(record, include_extras=True)
    for field in fields(record):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from closed(hint, (*prefix, field.name))
        else:
            about = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, str)), "")
            yield (*prefix, field.name), hint, about


def sections():
    """Yield name, class and described options of every file of conf/ that names a class."""
    for path in sorted(CONF.glob("*/**/*.yaml")):
        content = yaml.safe_load(path.read_text()) or {}
        group = path.parent.relative_to(CONF).as_posix()
        name = group.replace("/", ".")
        section = content.get(group, content)
        if name in PARTS and isinstance(section, dict) and "_target_" in section:
            shared = [path.with_name("_columns.yaml")] if "_columns" in section.get("defaults", ()) else []
            options = [option for file in (*shared, path) for option in _yaml_options(file, group)]
            described = {key: about for key, _value, about in options}
            yield pytest.param(name, section["_target_"], described, id=f"{name}-{path.stem}")


SECTIONS = list(sections())
PATHS = [key for key, hint, _ in closed() if is_path(hint)]


def test_what_is_described_as_a_file_is_a_path():
    meant = [key for key, _hint, about in closed() if NAMES_A_FILE.search(about)]
    assert meant == PATHS
    assert len(PATHS) >= 4


@pytest.mark.parametrize(("name", "target", "described"), SECTIONS)
def test_arguments_that_are_described_as_files_are_paths(name, target, described):
    meant = {key for key, about in described.items() if NAMES_A_FILE.search(about)}
    assert meant == path_arguments(resolve_target(name, target)) - set(PARTS[name].offered)


@pytest.mark.parametrize("key", PATHS, ids=".".join)
def test_every_path_of_a_closed_section(monkeypatch, key):
    monkeypatch.setenv("HOME", "/users/me")
    config = RunConfig()
    setattr(at(config, key[:-1]), key[-1], "~/x")
    assert getattr(at(with_home(config), key[:-1]), key[-1]) == "/users/me/x"
    assert getattr(at(config, key[:-1]), key[-1]) == "~/x"


def at(record, names):
    for name in names:
        record = getattr(record, name)
    return record


@pytest.mark.parametrize(("name", "target", "described"), SECTIONS)
def test_every_path_of_an_open_section_and_nothing_else(monkeypatch, name, target, described):
    monkeypatch.setenv("HOME", "/users/me")
    section, *inner = name.split(".")
    given = {"_target_": target, **dict.fromkeys(described, "~/x")}
    for part in inner:
        given = {part: given}
    config = with_home(replace(RunConfig(), **{section: given if section != "tracker" else {"one": given}}))
    found = getattr(config, section)
    for part in ["one"] if section == "tracker" else inner:
        found = found[part]
    paths = path_arguments(resolve_target(name, target))
    assert {key for key, value in found.items() if value == "/users/me/x"} == paths & set(described)
    assert {key for key, value in found.items() if value == "~/x"} == set(described) - paths


@dataclass
class Files:
    table: PathText
    others: list[PathText]
    name: str


class OwnModel:
    def __init__(self, files: Files, weights: Path | None = None, title: str = "") -> None: ...


def test_paths_of_a_users_own_class_and_of_a_dataclass_it_takes():
    assert path_arguments(OwnModel) == {"table", "others", "weights"}


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("data.path=~/a.csv", "data.path='~/a.csv'"),
        ("data.path=~/数据/a b.csv", "data.path='~/数据/a b.csv'"),
        ("data.path=~/a.csv,~me/b.csv", "data.path='~/a.csv','~me/b.csv'"),
        ("cv.inner.grid={init.path:[~/a.pt,~/b.pt]}", "cv.inner.grid={init.path:['~/a.pt','~/b.pt']}"),
        ("data.path='~/a.csv'", "data.path='~/a.csv'"),
        ("data.path=a~b.csv", "data.path=a~b.csv"),
        ("~tracker", "~tracker"),
    ],
)
def test_a_home_directory_is_quoted_for_hydra(typed, quoted):
    assert with_quotes(typed) == quoted


def test_a_run_whose_files_are_all_at_home(train, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "conf/loss").mkdir(parents=True)
    (home / "conf/loss/mine.yaml").write_text("_target_: trainer.losses.ce.CrossEntropy\n")
    monkeypatch.setenv("HOME", str(home))
    (home / "t.csv").write_text("id,a,label\n" + "".join(f"r{i},{i},{'yn'[i % 2]}\n" for i in range(12)))
    (home / "folds.csv").write_text("id,fold\n" + "".join(f"r{i},{i // 6}\n" for i in range(12)))
    quick = ("max_epochs=1", "profile.enabled=false", "tracker=none", "data=csv_tabular", "data.id=id", "audit=off")
    files = ("data.path=~/t.csv", "cv=predefined", "cv.path=~/folds.csv", "paths.runs=~/runs", "--config-dir=~/conf")
    outcome = train(*quick, *files, "loss=mine", "-m", "seed=1")
    assert outcome.code == 0, outcome.err
    assert list((home / "runs/sweeps").glob("*/leaderboard.md"))
    assert list((home / "runs").glob("*/cv.json"))
    assert not (tmp_path / "~").exists()
    absent = train(*quick, "data.path=~/t.csv", "init.path=~/absent.pt")
    assert f"no such file; the directory {home} does not" not in absent.err
    assert absent.err.startswith(f"configuration error: init.path={home}/absent.pt: no such file")
