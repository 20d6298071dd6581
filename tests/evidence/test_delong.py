"""DeLong's test against its definition, pair by pair."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from trainer.evidence.delong import delong
from trainer.evidence.not_defined import NotDefined


def by_definition(positive_N, scores_2N):
    """Areas and covariance (2, 2) of DeLong et al. 1988, over all pairs of a positive and a negative."""
    positives, negatives = scores_2N[:, positive_N], scores_2N[:, ~positive_N]
    gap = positives[:, :, None] - negatives[:, None, :]
    right = (gap > 0) + 0.5 * (gap == 0)
    of_positives, of_negatives = right.mean(axis=2), right.mean(axis=1)
    return right.mean(axis=(1, 2)), np.cov(of_positives) / positives.shape[1] + np.cov(of_negatives) / len(negatives.T)


def drawn(seed, n=80, *, ties=False):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    shared = rng.normal(size=n)
    scores = np.stack([shared + rng.normal(size=n) + positive, shared + rng.normal(size=n) + 0.5 * positive])
    return positive, np.round(scores, 0 if ties else 9)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_difference_has_the_variance_of_the_definition(seed, ties):
    positive, scores = drawn(seed, ties=ties)
    areas, covariance = by_definition(positive, scores)
    se = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = delong(positive, scores[:1], scores[1:])
    assert (found.area_a, found.area_b) == pytest.approx([roc_auc_score(positive, one) for one in scores])
    assert (found.area_a, found.area_b, found.se) == pytest.approx([*areas, se], rel=1e-10)
    assert found.p == pytest.approx(2 * norm.sf(abs(areas[1] - areas[0]) / se), rel=1e-9)
    assert found.ci95 == pytest.approx(areas[1] - areas[0] + se * norm.ppf([0.025, 0.975]))


def test_repeats_give_the_mean_area_and_the_same_repeat_twice_changes_nothing():
    positive, scores = drawn(0)
    _, others = drawn(0)
    others[0] += np.random.default_rng(1).normal(size=len(positive))
    once, twice = (delong(positive, scores[[0] * n], scores[[1] * n]) for n in (1, 2))
    assert (once.se, once.p) == pytest.approx((twice.se, twice.p))
    mixed = delong(positive, np.stack([scores[0], others[0]]), scores[[1, 1]])
    expected = np.mean([roc_auc_score(positive, one) for one in (scores[0], others[0])])
    assert mixed.area_a == pytest.approx(expected)


def test_too_few_rows_of_a_class_and_equal_rankings_have_no_variance():
    positive, scores = np.array([True, False, False, False]), np.arange(8.0).reshape(2, 4)
    assert delong(positive, scores[:1], scores[1:]) == NotDefined("1 positive row: a variance takes two")
    alike = delong(np.array([True, True, False, False]), scores[:1], 2 * scores[:1])
    assert alike == NotDefined("both rank the rows alike")
