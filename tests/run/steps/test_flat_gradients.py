"""Which folds have gradients without autograd."""

from dataclasses import replace

import pytest

from tests.run.test_fold import config
from trainer.config.schema import AmpConfig, FitConfig
from trainer.data.loading.batches import TokenRows
from trainer.run.factories import fresh_learner
from trainer.run.fold_data import prepare_fold
from trainer.run.prepare import prepare
from trainer.run.steps.flat_gradients import flat_gradients


def layers(**changes):
    """The kinds of the layers that are differentiated one by one; None = autograd does it all."""
    experiment = prepare(config(**changes))
    fold = prepare_fold(experiment, 0)
    found = flat_gradients(experiment.recipe, fresh_learner(experiment.recipe, experiment.spec, fold), fold)
    return None if found is None else [kind for kind, _ in found.layers]


def test_the_small_model_has_them():
    assert layers() == ["linear", "relu", "dropout", "linear"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amp": AmpConfig("O1")},
        {"amp": AmpConfig("O2")},
        {"amp": AmpConfig("O0", loss_scale=128.0)},
        {"fit": FitConfig(freeze_epochs=1)},
    ],
    ids=str,
)
def test_what_is_left_to_autograd(changes):
    assert layers(**changes) is None


def test_big_steps_and_rows_of_other_kinds_are_left_to_autograd(monkeypatch):
    experiment = prepare(config())
    fold = prepare_fold(experiment, 0)
    learner = fresh_learner(experiment.recipe, experiment.spec, fold)
    rows = object.__new__(TokenRows)
    assert flat_gradients(experiment.recipe, learner, replace(fold, data=replace(fold.data, rows=rows))) is None
    monkeypatch.setattr("trainer.run.steps.flat_gradients.MOST_FLOPS", 1e4)
    assert flat_gradients(experiment.recipe, learner, fold) is None
