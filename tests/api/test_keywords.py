"""Keyword arguments as overrides: what is given is what Hydra reads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.api_cases import Net
from trainer.api.keywords import as_overrides
from trainer.config.compose import compose_run
from trainer.errors import ConfigError
from trainer.run.validate import check_config

PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False, width=16)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="$", exclude_categories=["C"]), max_size=8)
VALUES = st.recursive(PLAIN | TEXT, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(VALUES)
def test_hydra_reads_back_what_was_given(value):
    [override] = as_overrides({"model": {"given": value}})
    assert OverridesParser.create().parse_override(override).value() == value


def test_a_run_is_composed_of_them():
    awkward = ["it's", "a\\", "1", "null", "酒店", "a=b,c", ""]
    config, launch = compose_run(as_overrides({"data": {"name": "x"}, "model": {"given": awkward}}), check_config)
    assert config.model["given"] == awkward
    assert launch.command[0] == "data.name=x"


@pytest.mark.parametrize(
    ("options", "overrides"),
    [
        ({"model": "mlp", "amp": "O1", "loss": None}, ["model=mlp", "amp=O1"]),
        ({"cv": {"n_splits": 5, "inner": {"n_splits": 3}}}, ["cv.n_splits=5", "cv.inner.n_splits=3"]),
        ({"cv": {"inner": {"grid": {"optimizer.lr": [0.1]}}}}, ["cv.inner.grid={optimizer.lr:[0.1]}"]),
        ({"optimizer": ("sgd", {"lr": np.float32(0.5)})}, ["optimizer=sgd", "optimizer.lr=0.5"]),
        ({"optimizer.lr": 0.1, "run": "a 1"}, ["optimizer.lr=0.1", "run='a 1'"]),
        ({"metrics": ["accuracy"]}, ["metrics.names=[accuracy]"]),
        ({"init": {"path": Path("w.pt")}}, ["init.path=w.pt"]),
        (
            {"preprocess": ("table", {"standardize": False})},
            ["data/preprocess=table", "data.preprocess.standardize=false"],
        ),
        ({"optimizer": torch.optim.SGD}, ["optimizer._target_=torch.optim.sgd.SGD"]),
        ({"model": Net}, ["plugins=[tests]", "model._target_=tests.api.api_cases.Net"]),
        (
            {"model": torch.nn.Linear},
            ["plugins=[torch.nn.modules.linear]", "model._target_=torch.nn.modules.linear.Linear"],
        ),
    ],
)
def test_groups_settings_and_classes(options, overrides):
    assert as_overrides(options) == overrides


def test_a_class_that_cannot_be_imported_is_refused():
    class Inner(torch.nn.Module):
        pass

    with pytest.raises(ConfigError, match="defined inside of something else"):
        as_overrides({"model": Inner})
    lost = type("Lost", (torch.nn.Module,), {"__module__": "builtins"})
    with pytest.raises(ConfigError, match="Lost is in no module it could be imported from"):
        as_overrides({"model": lost})
    forged = type("Net", (torch.nn.Module,), {"__module__": Net.__module__})
    with pytest.raises(ConfigError, match="another object by now"):
        as_overrides({"model": forged})
