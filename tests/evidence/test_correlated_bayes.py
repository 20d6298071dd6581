"""The Bayesian correlated t-test against baycomp."""

import numpy as np
import pytest

from tests.evidence.lead_cases import FIVE, LEAD_RK, OF_FIVE, PROBABILITIES
from trainer.evidence.correlated_bayes import posterior
from trainer.evidence.resampled_t import corrected_t

FIVE_FOLDS = np.array(FIVE[1]) - np.array(FIVE[0])


@pytest.mark.parametrize(
    ("lead", "folds", "expected"),
    [(-LEAD_RK.reshape(-1), 10, PROBABILITIES), (FIVE_FOLDS, 5, OF_FIVE)],
)
def test_the_probabilities_are_those_of_baycomp_when_it_is_told_the_repeats(lead, folds, expected):
    found = posterior(corrected_t(lead, 1 / (folds - 1)), 0.01)
    assert (found.a_better, found.equal, found.b_better) == pytest.approx(expected, rel=1e-6)


def test_without_a_region_nothing_is_equal():
    found = posterior(corrected_t(FIVE_FOLDS, 1 / 4), 0.0)
    assert found.equal == pytest.approx(0.0, abs=1e-12)
    assert found.a_better + found.b_better == pytest.approx(1.0)
