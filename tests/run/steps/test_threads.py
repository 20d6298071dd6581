from dataclasses import replace

import pytest
import torch

from tests.run.test_fold import config, experiment
from trainer.config.cv import CvConfig
from trainer.config.schema import RuntimeConfig
from trainer.data.loading.batches import DenseRows, TrainingSet
from trainer.run.fold_data import prepare_fold
from trainer.run.steps.threads import same_threads, set_threads


@pytest.fixture(autouse=True)
def _two_threads():
    with same_threads():
        torch.set_num_threads(2)
        yield
    assert torch.get_num_threads() == 1


def threads_of(**changes):
    exp, asked = experiment(**changes), config(**changes)
    fold, threads, n_folds = prepare_fold(exp, 0), asked.runtime.threads, exp.plan.n_folds
    set_threads(exp.recipe, exp.spec, fold, threads=threads, parallel=exp.cv.parallel, n_folds=n_folds)
    return torch.get_num_threads()


def test_a_small_model_gets_one_thread():
    assert threads_of() == 1


LARGE = {"_target_": "trainer.models.mlp.MLP", "hidden": [2048, 2048], "dropout": 0.0}


@pytest.mark.parametrize(("parallel", "threads"), [("auto", 2), (1, 2), (2, 1), (5, 1)])
def test_a_large_model_keeps_torchs_own_choice_divided_by_the_folds_asked_for(parallel, threads):
    assert threads_of(model=LARGE, cv=CvConfig(n_splits=3, parallel=parallel)) == threads


def test_no_thread_is_kept_for_folds_that_there_are_not():
    assert threads_of(model=LARGE, cv=CvConfig(strategy="holdout", parallel=2)) == 2


@pytest.mark.parametrize(("cores", "parallel", "threads"), [(1, 1, 1), (2, 1, 2), (64, 1, 2), (64, 2, 1)])
def test_a_container_with_fewer_cores_than_its_machine_gets_no_more_threads(monkeypatch, cores, parallel, threads):
    monkeypatch.setattr("trainer.run.steps.threads.usable_cores", lambda: cores)
    assert threads_of(model=LARGE, cv=CvConfig(n_splits=3, parallel=parallel)) == threads


def test_what_is_asked_for_is_set():
    assert threads_of(runtime=RuntimeConfig(threads=2)) == 2


def test_the_look_at_the_model_leaves_the_random_generators_alone():
    before = torch.get_rng_state()
    threads_of()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_cannot_run_is_left_to_the_preflight():
    exp = experiment()
    fold = prepare_fold(exp, 0)
    broken = replace(fold, data=TrainingSet(DenseRows({"numeric": torch.zeros(150, 9)}), *fold_targets(fold)))
    set_threads(exp.recipe, exp.spec, broken, n_folds=5)
    assert torch.get_num_threads() == 2


def fold_targets(fold):
    return fold.data.target, fold.data.weights_N
