"""Folds once for each seed: the same rows, numbered through, seed after seed."""

import json
from dataclasses import replace

import numpy as np

from trainer.folds.each_seed import of_one_seed, with_seeds
from trainer.folds.plan import FoldPlan, plan_of

PLAN = FoldPlan("kfold", 2, 2, 0, np.array([[0, 1, 0, 1], [1, 1, 0, 0]]), "f" * 64, (), {(1, 0): np.array([0])})


def test_each_seed_has_all_folds_and_one_seed_is_the_plan_itself():
    plan = with_seeds(PLAN, [7, 9, 8])
    assert (plan.repeats, plan.n_folds, plan.n_different, plan.seeds) == (6, 12, 2, (7, 9, 8))
    for number in range(12):
        for one, other in zip(plan.rows(*divmod(number, 2)), PLAN.rows(*divmod(number % 4, 2)), strict=True):
            assert one.tolist() == other.tolist()
    assert with_seeds(PLAN, [7]) is PLAN
    assert len({PLAN.fingerprint, plan.fingerprint, with_seeds(PLAN, [7, 9]).fingerprint}) == 3


def test_it_is_read_back_and_taken_apart_again():
    plan = with_seeds(PLAN, [7, 9])
    again = plan_of(json.loads(plan.to_json()))
    assert (again.seeds, again.n_different, again.rows(3, 0)[0].tolist()) == ((7, 9), 2, [0])
    once = of_one_seed(again)
    assert (once.repeats, once.seeds, sorted(once.train_rows)) == (2, (), [(1, 0)])
    assert np.array_equal(once.fold_of_row, PLAN.fold_of_row)
    assert "seeds" not in replace(PLAN).to_json()
