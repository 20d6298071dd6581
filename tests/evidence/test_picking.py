"""What picking the best costs: against algorithm 4 of the paper written out plainly, and by simulation."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from trainer.evidence.not_defined import NotDefined
from trainer.evidence.picking import corrected_for_picking
from trainer.metrics.bootstrap import Predictions, resample_with_rest
from trainer.tasks import BINARY

N, K, B = 90, 5, 150


def plainly(target, proba_KN, value, better, units):
    """Algorithm 4: draw rows, pick on them, score what is picked on the rows that were not drawn."""
    losses = []
    for b in range(units.shape[1]):
        drawn = units[:, b]
        rest = [row for row in range(len(target)) if row not in set(drawn.tolist())]
        scores = [value(target[drawn], proba_N[drawn]) for proba_N in proba_KN]
        picked = scores.index(better(scores))
        losses.append(value(target[rest], proba_KN[picked][rest]))
    return losses


METRICS = {
    "accuracy": (lambda y, p: accuracy_score(y, p > 0.5), max),
    "roc_auc": (roc_auc_score, max),
    "log_loss": (lambda y, p: log_loss(y, p, labels=[0, 1]), min),
}


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_the_algorithm_of_the_paper(metric):
    rng = np.random.default_rng(1)
    target = rng.integers(2, size=N)
    proba_KN = np.clip(0.5 + 0.2 * (target - 0.5) + rng.normal(scale=0.3, size=(K, N)), 0.02, 0.98)
    units = np.random.default_rng(0).integers(N, size=(N, B))  # as the bootstrap draws, from the same seed
    value, better = METRICS[metric]
    losses = plainly(target, proba_KN, value, better, units)
    both = [np.stack([1 - proba_N, proba_N], axis=1) for proba_N in proba_KN]
    predictions = [Predictions(target, proba) for proba in both]
    drawn, rest = resample_with_rest(metric, BINARY, predictions, n_rows=N, n_resamples=B)
    scores = np.array([value(target, proba_N) for proba_N in proba_KN])
    found = corrected_for_picking(scores, drawn, rest, greater_is_better=better is max)
    assert found.corrected == pytest.approx(np.mean(losses), rel=1e-6)
    assert found.ci95 == pytest.approx(np.percentile(losses, [2.5, 97.5]), rel=1e-6)
    assert (found.best, found.score) == (scores.tolist().index(better(scores)), pytest.approx(better(scores)))
    assert (found.n_models, found.n_draws) == (K, B)


def test_groups_are_left_out_whole():
    target, groups = np.arange(40) % 2, np.repeat(np.arange(10), 4)
    proba = np.full((40, 2), 0.5)
    proba[groups == 3, 1] = 0.9  # the rows of one group: a draw has all of them, or none
    drawn, rest = resample_with_rest(
        "log_loss", BINARY, [Predictions(target, proba)], n_rows=40, group_N=groups, n_resamples=60
    )
    without = np.isclose(drawn, math.log(2))
    assert (without == ~np.isclose(rest, math.log(2))).all()
    assert 0 < without.sum() < 60


def simulated(rng, n, k, chance, draws=200, common=0.0):
    """Score and correction of the best of k equal models, each right on a row with the same chance."""
    shared_N = rng.random(n) < chance
    right_KN = np.where(rng.random(n) < common, shared_N, rng.random((k, n)) < chance).astype(float)
    counts_ND = rng.multinomial(n, np.full(n, 1 / n), size=draws).T
    left_ND = (counts_ND == 0).astype(float)
    drawn_KD, left_KD = (right_KN @ weights / weights.sum(axis=0) for weights in (counts_ND, left_ND))
    return corrected_for_picking(right_KN.mean(axis=1), drawn_KD, left_KD, greater_is_better=True)


def bias(found, chance):
    naive, corrected = (np.array([getattr(one, name) for one in found]) - chance for name in ("score", "corrected"))
    error = corrected.std(ddof=1) / math.sqrt(len(found))
    return naive.mean(), corrected.mean(), error


def test_of_equal_models_the_best_flatters_and_the_corrected_does_not():
    rng = np.random.default_rng(7)
    naive, corrected, error = bias([simulated(rng, 200, 24, 0.8) for _ in range(60)], 0.8)
    assert naive > 0.04
    assert abs(corrected) < 3 * error < 0.02


@pytest.mark.battery
@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize("common", [0.0, 0.8])
def test_a_thousand_simulations(n, common):
    rng = np.random.default_rng(n)
    found = [simulated(rng, n, 24, 0.8, common=common) for _ in range(1000)]
    naive, corrected, error = bias(found, 0.8)
    covered = np.mean([one.ci95[0] <= 0.8 <= one.ci95[1] for one in found])
    assert naive > 10 * error
    assert abs(corrected) < 3 * error
    assert covered > 0.93


UNKNOWN = np.full((2, 100), math.nan)


@pytest.mark.parametrize(
    ("scores", "drawn", "left_out", "why"),
    [
        ([0.5], np.ones((1, 100)), np.ones((1, 100)), "a single model: nothing was picked"),
        ([math.nan] * 2, UNKNOWN, UNKNOWN, "the metric is undefined for every model"),
        ([0.5, 0.6], np.ones((2, 100)), UNKNOWN, "the metric is undefined in 100 of 100 draws of the rows"),
        ([0.5, 0.6], np.ones((2, 0)), np.ones((2, 0)), "the metric is undefined in 0 of 0 draws of the rows"),
    ],
)
def test_where_it_is_undefined_the_reason_stands_in_its_place(scores, drawn, left_out, why):
    assert corrected_for_picking(np.array(scores), drawn, left_out, greater_is_better=True) == NotDefined(why)


def test_a_model_without_a_value_is_never_picked():
    drawn, rest = np.stack([np.full(100, math.nan), np.ones(100)]), np.stack([np.full(100, 9.0), np.full(100, 0.4)])
    found = corrected_for_picking(np.array([math.nan, 0.5]), drawn, rest, greater_is_better=False)
    assert (found.best, found.corrected, found.stability) == (1, pytest.approx(0.4), 1.0)
