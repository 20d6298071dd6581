"""The smallest difference that folds can show, against simulated tests."""

import numpy as np
import pytest

from trainer.evidence.power import smallest_difference, standard_errors
from trainer.evidence.resampled_t import spread_factor


def test_a_difference_of_that_size_is_found_eight_times_in_ten():
    n, differences = 6, np.random.default_rng(0).normal(size=(20_000, 6))
    differences += smallest_difference(1.0, n, 0.0)
    t = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) / np.sqrt(n))
    assert (np.abs(t) > 2.570581836).mean() == pytest.approx(0.8, abs=0.01)  # two-sided 5 %, 5 degrees of freedom


def test_many_folds_take_the_well_known_2_8_standard_errors():
    assert standard_errors(10_000) == pytest.approx(1.959964 + 0.841621, abs=1e-3)


def test_repeats_help_as_far_as_the_shared_training_rows_let_them():
    once, four, thousand = (smallest_difference(0.01, 5 * repeats, 1 / 4) for repeats in (1, 4, 1000))
    assert once > four > thousand > 0.01 * np.sqrt(1 / 4) * 2.8
    assert spread_factor(5, 1 / 4) == pytest.approx(np.sqrt(0.45))
