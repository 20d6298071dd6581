import math

import numpy as np
import pytest
from scipy.stats import norm

from trainer.evidence.paired_bootstrap import drawn_difference


def test_the_interval_is_of_the_defined_draws():
    draws = np.random.default_rng(0).normal(0.1, 0.05, size=1000)
    found = drawn_difference(0.1, draws)
    assert found.ci95 == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))
    assert found.p == pytest.approx(2 * norm.sf(0.1 / draws.std(ddof=1)))
    draws[:50] = math.nan
    assert drawn_difference(0.1, draws).ci95 == pytest.approx(tuple(np.percentile(draws[50:], [2.5, 97.5])))


def test_without_enough_draws_there_is_no_interval_and_without_spread_no_doubt():
    draws = np.random.default_rng(0).normal(size=1000)
    draws[:101] = math.nan
    assert drawn_difference(0.1, draws) is None
    assert drawn_difference(math.nan, np.ones(10)) is None
    assert drawn_difference(0.0, np.zeros(0)) is None
    assert drawn_difference(0.0, np.zeros(10)).p == 1.0
    assert drawn_difference(0.1, np.full(10, 0.1)).p == 0.0
