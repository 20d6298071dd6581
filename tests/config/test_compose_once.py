from datetime import datetime

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from trainer.config import compose
from trainer.config.compose import composed, hydra_main, launch_config, register_schema
from trainer.config.compose_once import at_work, composed_once
from trainer.errors import ConfigError


class Noon(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 12, tzinfo=tz)


def launched(monkeypatch, arguments, *, by_main):
    """Return what a command line runs, and how often Hydra composed it."""
    found, places = [], []
    monkeypatch.setattr(compose, "datetime", Noon)
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    if by_main:
        monkeypatch.setattr(compose, "composed_once", lambda arguments: None)
    register_schema()

    def run(config, launch):
        found.append((config, launch))
        places.append((HydraConfig.get().mode, HydraConfig.get().runtime.output_dir, HydraConfig.get().run.dir))

    composed(hydra_main(run), lambda config: None)
    monkeypatch.undo()
    return found, places


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["loss=focal", "amp=O1", "data=iris", "seed=[1,2]"],
        ["experiment=emotions", "model.hidden=[]", "run=名"],
    ],
    ids=["none", "some", "an experiment"],
)
def test_one_composition_makes_what_hydras_main_makes(monkeypatch, arguments):
    once, by_main = (launched(monkeypatch, arguments, by_main=by_main) for by_main in (False, True))
    assert len(once[0]) == 1
    assert once == by_main
    assert not HydraConfig.initialized()


@pytest.mark.parametrize(
    "arguments",
    [["-m", "seed=1,2"], ["--cfg", "job"], ["hydra.job.name=a"], ["+hydra.verbose=true"], ["run=${hydra:job.name}"]],
)
def test_flags_and_options_of_hydras_own_are_left_to_its_main(arguments):
    register_schema()
    assert composed_once(arguments) is None


@pytest.mark.parametrize("arguments", [["loss=fcal"], ["loss=ce,focal"], ["cv.nsplits=3"]])
def test_what_cannot_be_composed_is_told_as_before(monkeypatch, arguments):
    with pytest.raises(ConfigError) as once:
        launched(monkeypatch, arguments, by_main=False)
    with pytest.raises(ConfigError) as by_main:
        launched(monkeypatch, arguments, by_main=True)
    assert str(once.value) == str(by_main.value)


def test_a_file_that_asks_hydra_for_more_is_left_to_its_main(monkeypatch):
    register_schema()
    plain = composed_once([])
    asking = OmegaConf.merge(plain, {})
    asking.hydra.mode = RunMode.MULTIRUN
    monkeypatch.setattr("hydra.compose", lambda *_, **__: asking)
    assert composed_once([]) is None


def test_hydras_options_are_found_while_it_is_at_work():
    register_schema()
    cfg = composed_once(["model=mlp"])
    with at_work(cfg):
        assert HydraConfig.get().runtime.choices.model == "mlp"
        assert "hydra" not in cfg
        assert launch_config(cfg)[0].model["_target_"].endswith("MLP")
    assert not HydraConfig.initialized()
