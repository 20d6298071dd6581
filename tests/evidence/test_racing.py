"""When a trial is not worth more folds: the bound by simulation, its parts against plain formulas."""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import t as student

from trainer.evidence.racing import below_median, pooled_spread, race, verdict

K = 5


def table(rng, levels, spread, fold_spread=0.05):
    """Scores (T, K): a level of each trial, an effect of each fold, and what is left."""
    return (
        np.array(levels)[:, None]
        + rng.normal(scale=fold_spread, size=K)
        + rng.normal(scale=spread, size=(len(levels), K))
    )


def test_the_spread_is_that_of_the_trials_close_to_the_best():
    rng = np.random.default_rng(0)
    scores_TF = table(rng, [0.9, 0.89, 0.88, 0.5, 0.4], 0.01)
    best_F = scores_TF[0]
    spread, freedom = pooled_spread(best_F, scores_TF)
    near = [[float(x) for x in best_F - row] for row in scores_TF[1:3]]  # of four, the two that are least behind
    assert freedom == 2 * (K - 1)
    assert spread == pytest.approx(math.sqrt(statistics.mean(statistics.variance(row) for row in near)))


def test_the_margin_is_the_bound_of_a_prediction():
    rng = np.random.default_rng(1)
    earlier_TF = table(rng, [0.9, 0.88, 0.87], 0.01)
    best_F = earlier_TF[earlier_TF.mean(axis=1).argmax()]
    for m in (1, 2, 4):
        root = math.sqrt(1 / m + 1 / (K - m)) * (K - m) / K  # of the mean over all, predicted from m
        ended = []
        for behind in np.linspace(0.001, 0.08, 40):
            score_F = np.where(np.arange(K) < m, best_F - behind, np.nan)
            spread, freedom = pooled_spread(best_F, np.vstack([earlier_TF, score_F]))
            ended.append(behind > student.ppf(1 - 0.05 / (K - 1), freedom) * spread * root)
            assert (race(score_F, earlier_TF) is not None) == ended[-1]
        assert {True, False} == set(ended)


def test_a_trial_that_would_win_is_seldom_ended_and_a_hopeless_one_at_once():
    rng, ended, would_win, hopeless = np.random.default_rng(2), 0, 0, 0
    for _ in range(200):
        earlier_TF = table(rng, rng.normal(0.85, 0.03, size=8), 0.01)
        fold_F = earlier_TF.mean(axis=0) - earlier_TF.mean()
        best = earlier_TF.mean(axis=1).max()
        score_F = best + rng.normal(0, 0.004) + fold_F + rng.normal(scale=0.01, size=K)
        stops = any(race(np.where(np.arange(K) < m, score_F, np.nan), earlier_TF) for m in range(1, K))
        would_win += score_F.mean() > best
        ended += stops and score_F.mean() > best
        bad_F = score_F - 0.2
        hopeless += race(np.where(np.arange(K) < 1, bad_F, np.nan), earlier_TF) is not None
    assert would_win > 50
    assert ended / would_win < 0.05
    assert hopeless == 200


def test_nothing_is_ended_without_something_to_compare_with():
    good_F, bad_F = np.full(K, 0.9), np.array([0.1, *[np.nan] * (K - 1)])
    assert race(bad_F, np.array([good_F])) is None  # one whole trial says nothing of the spread
    assert race(bad_F, np.array([good_F, bad_F])) is None
    assert race(np.full(K, np.nan), np.array([good_F, good_F + 0.01])) is None
    assert race(bad_F + 0.9, np.array([good_F, good_F - np.linspace(0, 0.02, K)])) is None  # it leads
    assert verdict("off", bad_F, np.array([good_F, good_F])) is None
    assert verdict("racing", bad_F, np.zeros((0, K))) is None


def test_the_median_is_that_of_the_same_folds():
    earlier_TF = np.array([[0.9, np.nan, np.nan], [0.8, 0.1, 0.1], [0.7, 0.2, 0.2], [0.6, 0.3, 0.3], [0.5, 0.4, 0.4]])
    assert below_median(np.array([0.69, np.nan, np.nan]), earlier_TF) is not None
    assert below_median(np.array([0.71, np.nan, np.nan]), earlier_TF) is None
    assert below_median(np.array([0.1, 0.1, np.nan]), earlier_TF) is None  # only four have two folds
    assert verdict("median", np.array([0.69, np.nan, np.nan]), earlier_TF) is not None
