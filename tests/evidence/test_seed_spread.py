"""Variance split into seed, rows and folds: against its definition, a simulation, and where it is undefined."""

import math

import numpy as np
import pytest

from trainer.evidence.not_defined import NotDefined
from trainer.evidence.seed_spread import seed_spread


def test_it_is_the_one_way_analysis_of_variance():
    value_SJ = np.array([[0.80, 0.90, 0.70], [0.82, 0.88, 0.74]])
    found = seed_spread(value_SJ, np.array([0.80, 0.82]), n_splits=3, oof_se=0.01)
    within = np.mean([0.02**2 / 2, 0.02**2 / 2, 0.04**2 / 2])
    ms_between = 2 * np.var([0.81, 0.89, 0.72], ddof=1)
    assert found.seed == pytest.approx(within)
    assert found.rows == pytest.approx(3 * 0.01**2)
    assert found.folds == pytest.approx((ms_between - within) / 2 - 3 * 0.01**2)
    assert (found.oof, found.sd) == ((0.80, 0.82), pytest.approx(0.0141421, abs=1e-6))
    assert found.shares() == pytest.approx(
        np.array([found.seed, found.rows, found.folds]) / (found.seed + found.rows + found.folds)
    )


def test_the_parts_are_found_again_in_simulated_folds():
    rng = np.random.default_rng(3)
    found = [
        seed_spread(
            0.8 + 0.03 * rng.normal(size=5) + 0.02 * rng.normal(size=(3, 5)), np.zeros(3), n_splits=5, oof_se=0.01
        )
        for _ in range(2000)
    ]
    assert np.mean([one.seed for one in found]) == pytest.approx(0.02**2, rel=0.03)
    between = np.mean([one.folds + one.rows for one in found])  # a negative part is cut off, so it is above
    assert 0.03**2 < between < 1.3 * 0.03**2


@pytest.mark.parametrize(
    ("value_SJ", "why"),
    [([[0.8, 0.9]], "one seed: nothing to tell its spread from"), ([[0.8], [math.nan]], "undefined in some folds")],
)
def test_where_it_is_undefined_the_reason_stands_in_its_place(value_SJ, why):
    value_SJ = np.array(value_SJ)
    assert seed_spread(value_SJ, np.zeros(len(value_SJ)), n_splits=2, oof_se=0.1) == NotDefined(why)


def test_of_one_fold_nothing_is_said_of_folds_and_of_equal_values_no_shares():
    one = seed_spread(np.array([[0.8], [0.9]]), np.array([0.8, 0.9]), n_splits=1, oof_se=0.01)
    assert math.isnan(one.folds)
    assert one.shares() is None
    assert seed_spread(np.ones((2, 3)), np.ones(2), n_splits=3, oof_se=0.0).shares() is None
