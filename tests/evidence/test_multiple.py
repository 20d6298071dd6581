"""Holm by statsmodels; Friedman and Nemenyi by SciPy and by the table of Demšar 2006."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare

from trainer.evidence.multiple import friedman, holm, signed_ranks
from trainer.evidence.not_defined import NotDefined

SCORES = np.random.default_rng(3).normal([0.8, 0.81, 0.8, 0.82], 0.02, size=(14, 4)).round(2)  # some are equal


def test_holm_is_that_of_statsmodels_and_leaves_out_what_is_undefined():
    expected = [0.04, 0.09, 0.09, 0.025, 0.2]  # statsmodels 0.15.0, multipletests(..., method="holm")
    assert holm(np.array([0.01, 0.04, 0.03, 0.005, 0.2])) == pytest.approx(expected)
    with_nan = holm(np.array([0.01, math.nan, 0.04, 0.03, 0.005, 0.2]))
    assert math.isnan(with_nan[1])
    assert np.delete(with_nan, 1) == pytest.approx(expected)
    assert np.isnan(holm(np.full(2, math.nan))).all()


def test_friedman_is_that_of_scipy_ties_too_and_its_f_that_of_iman_and_davenport():
    found = friedman(SCORES)
    expected = friedmanchisquare(*SCORES.T)
    assert found.chi2 == pytest.approx(expected.statistic)
    assert found.f == pytest.approx(13 * expected.statistic / (14 * 3 - expected.statistic))
    assert found.p == pytest.approx(f_distribution.sf(found.f, 3, 39))
    assert sum(found.ranks) == pytest.approx(10)


@pytest.mark.parametrize(("n_models", "q"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_nemenyis_critical_difference_is_by_the_table_of_demsar(n_models, q):
    scores = np.random.default_rng(0).normal(size=(14, n_models))
    assert friedman(scores).critical == pytest.approx(q * math.sqrt(n_models * (n_models + 1) / (6 * 14)), rel=3e-4)


def test_data_sets_that_all_rank_alike_and_those_that_cannot_be_ranked():
    alike = friedman(np.array([[0.9, 0.8, 0.7]] * 3))
    assert (alike.p, alike.ranks) == (0.0, (1.0, 2.0, 3.0))
    assert "two models" in friedman(SCORES[:, :2]).why
    assert "cannot stand for several" in friedman(SCORES[:1]).why
    assert friedman(np.ones((3, 3))) == NotDefined("all models are equal on every data set")
    assert "undefined" in friedman(np.where(SCORES[0, 0] == SCORES, math.nan, SCORES)).why


def test_signed_ranks_of_two_models_by_hand():
    lead = np.array([0.03, 0.02, 0.05, 0.04, 0.01, -0.06])  # the negative one has rank 6
    sums = np.array([np.dot(signs, np.arange(1, 7)) for signs in product((0, 1), repeat=6)])
    assert signed_ranks(lead) == pytest.approx(2 * (sums <= 6).mean())
    assert signed_ranks(np.abs(lead)) == pytest.approx(2 / 2**6)
    assert "fewer than 6" in signed_ranks(lead[:5]).why
    assert "undefined" in signed_ranks(np.full(6, math.nan)).why
    assert "equal" in signed_ranks(np.zeros(6)).why
