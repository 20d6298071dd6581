"""Against scipy.stats."""

import numpy as np
import pytest
from scipy import stats

from trainer.evidence.chances import (
    false_discovery_rates,
    fisher_exact,
    normal_tails,
    t_quantile,
    t_tails,
    welch,
    wilson_interval,
)

CLOSE = {"rel": 1e-9, "abs": 1e-300}


@pytest.mark.parametrize("z", [0.0, 0.3, -1.96, 9.0, 37.0])
def test_tails(z):
    assert normal_tails(z) == 2 * stats.norm.sf(abs(z))
    for df in (1, 4, 29.7, 1e6):
        assert t_tails(z, df) == pytest.approx(2 * stats.t.sf(abs(z), df), **CLOSE)


@pytest.mark.parametrize("df", [1, 4, 29, 1e5])
def test_quantiles(df):
    assert t_quantile(0.975, df) == stats.t.ppf(0.975, df)


@pytest.mark.parametrize(("hits", "n_rows"), [(0, 20), (20, 20), (1, 7), (359, 360), (5_000, 10_000)])
def test_intervals_of_shares(hits, n_rows):
    theirs = stats.binomtest(hits, n_rows).proportion_ci(method="wilson")
    assert wilson_interval(hits, n_rows) == pytest.approx((theirs.low, theirs.high), rel=1e-12, abs=1e-15)


def test_exact_test_of_shares():
    random = np.random.default_rng(0)
    tables = [(0, 20, 0, 30), (20, 20, 30, 30), (20, 20, 0, 30), (30, 60, 10, 20), (3, 30, 297, 1770), (2, 40, 1, 1757)]
    for n_inside, n_outside in random.integers(1, 400, (200, 2)).tolist():
        tables.append((random.integers(n_inside + 1), n_inside, random.integers(n_outside + 1), n_outside))
    tables += [(4_000, 10_000, 37_000, 90_000), (250_000, 500_000, 251_000, 500_000)]
    for hits, n_inside, others, n_outside in tables:
        theirs = stats.fisher_exact([[hits, n_inside - hits], [others, n_outside - others]]).pvalue
        assert fisher_exact(hits, n_inside, others, n_outside) == pytest.approx(theirs, rel=1e-6, abs=1e-300)


def test_means():
    random = np.random.default_rng(1)
    for _ in range(50):
        here, there = (random.normal(random.normal(), random.random() + 0.1, random.integers(3, 90)) for _ in range(2))
        own, other = ((values.mean(), values.std(ddof=1), len(values)) for values in (here, there))
        assert welch(own, other) == pytest.approx(stats.ttest_ind(here, there, equal_var=False).pvalue, **CLOSE)


@pytest.mark.parametrize("chances", [[0.2], [0.01, 0.02, 0.03, 0.5], [1.0, 1.0], [0.0, 0.9, 0.04, 0.04]])
def test_rates(chances):
    assert false_discovery_rates(chances) == pytest.approx(stats.false_discovery_control(chances).tolist(), rel=1e-14)
