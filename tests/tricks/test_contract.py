"""Every conf/tricks/*.yaml names a class that keeps the contract; a new trick is found by its file."""

import importlib
import inspect
import re

import pytest
import yaml
from torch import nn

from tests.engine.engine_cases import level
from tests.engine.test_snapshot import ROWS, Killed, assert_same, checkpointer, fit_small
from tests.places import REPOSITORY
from tests.tricks.trick_cases import batch, setting, step, tricked, word_rows, words
from trainer.config.build import arguments
from trainer.errors import ConfigError
from trainer.tricks.contract import OPTIONAL

FILES = {
    path.stem: section
    for path in sorted((REPOSITORY / "conf" / "tricks").glob("[!_]*.yaml"))
    if "_target_" in (section := yaml.safe_load(path.read_text()).get(path.stem) or {})
}


def trick_class(section):
    module, _, name = section["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_the_first_tricks_are_there():
    assert {"fgm", "awp", "sam", "rdrop", "swa"} <= FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_yaml_shows_every_argument_with_its_default_and_a_comment(name):
    made, options = trick_class(FILES[name]), arguments(FILES[name])
    parameters = inspect.signature(made).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    assert options == {p.name: p.default for p in parameters}
    first, _, _, *lines = (REPOSITORY / "conf" / "tricks" / f"{name}.yaml").read_text().splitlines()
    assert first.startswith("# ")
    assert all(" # " in line for line in lines)


@pytest.mark.parametrize("name", FILES)
def test_a_trick_names_its_source_and_takes_part_somewhere(name):
    made = trick_class(FILES[name])
    assert any(hasattr(made, method) for method in OPTIONAL)
    assert re.search(r"[A-Z]\w+ (et al\. )?20\d\d, ", inspect.getmodule(made).__doc__)


@pytest.mark.parametrize("name", FILES)
def test_a_trick_changes_what_is_trained_and_never_finds_nothing_silently(name):
    made = trick_class(FILES[name])
    told = {"pretrained": True}
    it, plain = tricked(words(0.3), None, told, **{name: made(**arguments(FILES[name]))}), tricked(words(0.3))
    for number in range(16):
        for one in (it, plain):
            step(one, batch(seed=number))
    with it.evaluation_weights():
        pairs = list(zip(it.model.parameters(), plain.model.parameters(), strict=True))
        assert any(not one.equal(other) for one, other in pairs)


@pytest.mark.parametrize("opt_level", ["O0", "O2"])
@pytest.mark.parametrize("name", FILES)
def test_a_fold_killed_after_a_save_ends_like_one_that_was_not(tmp_path, name, opt_level):
    def begun():
        options = arguments(FILES[name]) | ({"every_steps": 1} if name == "swa" else {})
        trick = trick_class(FILES[name])(**options)
        told = {"pretrained": True, "total_steps": 12}
        return tricked(words(0.3), {"amp": level(opt_level), "lr": 0.05}, told, **{name: trick})

    data = word_rows(ROWS)
    straight = fit_small(begun(), data=data)
    for kill_at in (5, 10):  # within the second epoch and the third
        directory = tmp_path / str(kill_at)
        directory.mkdir()
        with pytest.raises(Killed):
            fit_small(begun(), kept=checkpointer(directory, kill_at), data=data)
        assert_same(fit_small(begun(), directory, data=data), straight)


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("swa", "label_noise", "hard_examples")])
def test_a_model_without_anything_to_work_on_is_refused(name):
    with pytest.raises(ConfigError) as refused:
        trick_class(FILES[name])().attach(setting(nn.Identity()))
    assert str(refused.value).startswith(f"tricks={name} ")
    assert len(str(refused.value).splitlines()) <= 5
