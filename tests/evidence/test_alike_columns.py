"""Clusters of columns against scipy's rank correlation."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from trainer.data.samples import TableColumns
from trainer.evidence.alike_columns import alike_columns

RANDOM = np.random.default_rng(0)
BASE = RANDOM.normal(size=200)


def table(numbers, words=()):
    columns = np.array([*words], dtype=object).T if len(words) else np.empty((len(BASE), 0), dtype=object)
    names = [f"n{place}" for place in range(len(numbers))], [f"w{place}" for place in range(len(words))]
    return TableColumns(np.stack(numbers, axis=1), columns, *map(tuple, names))


def test_two_columns_are_alike_from_the_rank_correlation_that_scipy_gives():
    other = BASE + RANDOM.normal(size=200)
    rho = abs(spearmanr(BASE, -np.exp(other)).statistic)
    both = table([BASE, -np.exp(other)])
    assert alike_columns(both, rho - 1e-6) == [("n0", "n1")]
    assert alike_columns(both, rho + 1e-6) == [("n0",), ("n1",)]


def test_every_two_columns_of_a_cluster_correlate_so_much():
    chain = [BASE, BASE + 0.6 * RANDOM.normal(size=200)]
    chain.append(chain[1] + 0.6 * RANDOM.normal(size=200))
    rho = np.abs(spearmanr(np.stack(chain, axis=1)).statistic)
    least = (rho[0, 2] + min(rho[0, 1], rho[1, 2])) / 2  # the ends of the chain correlate less
    clusters = alike_columns(table(chain), least)
    assert sorted(map(len, clusters)) == [1, 2]


@pytest.mark.parametrize("at_least", [0.5, 1.0])
def test_constant_and_missing_values_and_categories(at_least):
    with_gaps, signs = np.where(np.arange(200) % 9 == 0, np.nan, BASE), np.where(BASE > 0, "yes", "no")
    words = [signs.astype(object), np.where(BASE > 0, None, "x"), np.array(["a", "b", "c", "d"] * 50, dtype=object)]
    flags = (BASE > 0).astype(float)
    clusters = alike_columns(table([BASE, with_gaps, np.ones(200), np.full(200, np.nan), flags], words), at_least)
    assert ("n2",) in clusters
    assert ("n3",) in clusters
    assert ("w1",) in clusters  # one value and gaps: no order
    assert ("w2",) in clusters
    together = next(one for one in clusters if "n4" in one)
    assert "w0" in together  # the same in words
    assert ("n1" in next(one for one in clusters if "n0" in one)) == (at_least < 1)
