"""McNemar's exact test, and random signs counted out."""

from itertools import product

import numpy as np
import pytest

from trainer.evidence.mcnemar import McNemar, mcnemar, sign_flip_p
from trainer.evidence.not_defined import NotDefined

# [[both right, only a], [only b, both wrong]] -> p of statsmodels 0.15.0, mcnemar(table, exact=True)
STATSMODELS = [
    (((101, 121), (59, 33)), 4.4344492637551645e-06),
    (((50, 8), (2, 40)), 0.109375),
    (((5, 1), (0, 3)), 1.0),
    (((10, 7), (7, 10)), 1.0),
    (((3, 0), (0, 4)), 1.0),
]


@pytest.mark.parametrize(("table", "p"), STATSMODELS)
def test_the_p_value_is_that_of_statsmodels(table, p):
    (both, only_a), (only_b, neither) = table
    right_a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])[None]
    right_b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])[None]
    found = mcnemar(right_a, right_b)
    assert (found.only_a, found.only_b, found.unit) == (only_a, only_b, "row")
    assert found.p == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_random_signs_of_unlike_sizes_are_counted_out(seed):
    lead = np.random.default_rng(seed).integers(-4, 5, size=9)
    sums = np.array([np.dot(signs, np.abs(lead)) for signs in product((-1, 1), repeat=len(lead))])
    assert sign_flip_p(lead) == pytest.approx((np.abs(sums) >= abs(lead.sum())).mean(), rel=1e-12)


def test_many_rows_and_sizes_join_by_fourier_transform_as_they_do_directly(monkeypatch):
    lead = np.random.default_rng(0).integers(-5, 7, size=400)
    direct = sign_flip_p(lead)
    monkeypatch.setattr("trainer.evidence.mcnemar._DIRECT_CELLS", 0)
    assert sign_flip_p(lead) == pytest.approx(direct, rel=1e-6)


def test_repeats_are_summed_by_row_and_rows_by_group():
    right_a = np.array([[1, 1, 0, 0], [0, 1, 0, 0]], dtype=bool)
    right_b = np.array([[0, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)
    by_row = mcnemar(right_a, right_b)  # leads 0, 0, 2, 1
    assert by_row == McNemar(1, 4, 0.5, "row")
    by_group = mcnemar(right_a, right_b, np.array([0, 1, 1, 1]))  # leads 0, 3
    assert by_group.p == 1.0
    assert by_group.unit == "group"
    assert isinstance(mcnemar(right_a, right_b, np.zeros(4, dtype=int)), NotDefined)
