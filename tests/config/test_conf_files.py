"""Every YAML of conf/ composes, passes the checks, and is told in --help by one line."""

from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import train as script  # registers the schema
from trainer.config.compose import to_run_config
from trainer.config.help import help_text
from trainer.config.keys import CONF
from trainer.errors import ConfigError
from trainer.run.validate import check_config

CHOICES = [(path.parent.relative_to(CONF).as_posix(), path.stem) for path in sorted(CONF.rglob("*/[!_]*.yaml"))]
NEEDED = {
    **{key: ["search.space={optimizer.lr:[0.1,1]}"] for key in ("tpe", "random", "grid", "cmaes", "gp")},
    "csv_text": ["data.path=x.csv"],
    "csv_tabular": ["data.path=x.csv"],
    "image_arrays": ["data.path=x.npz"],
    "image_folder": ["data.path=x.zip"],
    "image_csv": ["data.path=x.csv"],
    "kim2014_rand": ["data.path=x.csv"],
    "chnsenticorp": ["data.path=x.csv"],
    "emotions": ["data.path=x.csv"],
    "fashion_sprite": ["data.path=x.zip"],
    "hymenoptera": ["data.path=x.zip"],
    "scene": ["data.path=x.csv"],
    "thucnews_titles": ["data.path=x.csv"],
    "mammography": ["data.path=x.csv"],
    "tokenizer": ["model=transformer", "data=csv_text", "data.path=x.csv", "model.pretrained=x"],
    "transformer": ["data=csv_text", "data.path=x.csv", "model.pretrained=x"],
}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_passes_the_checks(group, choice):
    assert script.main is not None
    added = [f"+{group}={choice}" if group in ("experiment", "debug") else f"{group}={choice}"]
    overrides = [item.replace("+experiment", "experiment").replace("+debug", "debug") for item in added]
    overrides += NEEDED.get(choice, [])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides=overrides), overrides)
    absent = choice == "clearml" and find_spec("clearml") is None  # too large to be installed for the tests
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[clearml\]'") if absent else nullcontext():
        check_config(config)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_help_has_one_line_for_every_choice(group, choice):
    lines = [line for line in help_text().splitlines() if line.startswith(f"  {choice} ")]
    assert lines, f"conf/{group}/{choice}.yaml is not in --help"
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines), f"{choice} has no describing comment"


def test_one_file_per_part():
    root = Path(script.__file__).parent / "trainer"
    targets = {
        line.split("_target_:")[1].strip()
        for path in CONF.glob("*/*.yaml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("_target_: trainer.")
    }
    for target in targets:
        assert (root.parent / Path(*target.split(".")[:-1])).with_suffix(".py").exists(), target


@pytest.mark.parametrize(
    ("section", "typed"),
    [
        ("model", ["model._target_=my.Net", "model.dropout=0.3"]),
        ("model", ["model={_target_:my.Net,dropout:0.3}"]),
        ("optimizer", ["optimizer._target_=my.Net", "optimizer.dropout=0.3"]),
        ("optimizer", ["optimizer={_target_:my.Net}", "optimizer.dropout=0.3"]),
    ],
)
def test_another_class_gets_only_what_is_given_however_it_is_typed(section, typed):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides=typed), typed)
    assert getattr(config, section) == {"_target_": "my.Net", "dropout": 0.3}
