"""The corrected t-test by hand, and that it is the naive one where nothing is corrected."""

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from tests.evidence.lead_cases import DF, LEAD_RK, MEAN, VARIANCE
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.resampled_t import corrected_t


def test_five_folds_by_hand():
    lead = np.array([0.02, 0.01, 0.03, 0.00, 0.04])  # mean 0.02, variance 0.00025
    found = corrected_t(lead, 1 / 4)
    se = math.sqrt((1 / 5 + 1 / 4) * 0.00025)
    assert (found.mean, found.se, found.df) == (pytest.approx(0.02), pytest.approx(se), 4)
    assert found.p == pytest.approx(2 * t.sf(0.02 / se, 4))
    assert found.ci95 == pytest.approx((0.02 - 2.776445105 * se, 0.02 + 2.776445105 * se))


def test_ten_repeats_of_ten_folds_have_the_variance_of_baycomp():
    found = corrected_t(-LEAD_RK.reshape(-1), 1 / 9)
    assert (found.mean, found.se**2, found.df) == (pytest.approx(MEAN), pytest.approx(VARIANCE), DF)


def test_without_correction_it_is_the_paired_t_test():
    lead = LEAD_RK[0]
    expected = ttest_1samp(lead, 0)
    assert corrected_t(lead, 0.0).p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("lead", "why"),
    [
        ([0.1], "one fold"),
        ([0.1, math.nan, 0.2], "undefined in some folds"),
        ([0.1 + 0.2, 0.3], "every fold differs by 0.3: there is no spread"),
        ([0.0, 0.0], "every fold differs by 0"),
    ],
)
def test_where_there_is_no_spread_there_is_no_test(lead, why):
    found = corrected_t(np.array(lead), 0.25)
    assert isinstance(found, NotDefined)
    assert why in found.why
