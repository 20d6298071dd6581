"""Sets and intervals against their definitions, and their coverage in simulations."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from tests.inference.blend_cases import noisy_logits
from trainer.inference import conformal as module
from trainer.inference.conformal import Conformal, class_scores, measure_intervals, measure_sets


def test_the_score_of_a_class_is_the_probability_of_those_above_it():
    proba = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(class_scores(proba), [[0.8, 0, 0.5], [0, 0.4, 0.8], [0, 1, 1]])


def test_sets_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    scores = [np.sort(rng.random(7)), np.sort(rng.random(5))]
    proba_KNC = softmax(rng.normal(size=(2, 20, 3)) * 2, axis=2)
    found = Conformal(0.8, tuple(map(tuple, scores))).sets(proba_KNC)
    for row, label in np.ndindex(20, 3):
        below = sum(score < class_scores(proba_KNC[fold])[row, label] for fold in (0, 1) for score in scores[fold])
        assert found[row, label] == (below < 0.8 * 13)
    assert found.any(axis=1).all()


def test_intervals_are_those_of_the_definition(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_CELLS", 30)  # in several blocks
    rng = np.random.default_rng(0)
    residuals, numbers_KN = [rng.random(12), rng.random(8)], rng.normal(size=(2, 15))
    found = Conformal(0.8, tuple(map(tuple, residuals))).intervals(numbers_KN)
    for row in range(15):
        low = np.sort(np.concatenate([numbers_KN[k, row] - residuals[k] for k in (0, 1)]))
        high = np.sort(np.concatenate([numbers_KN[k, row] + residuals[k] for k in (0, 1)]))
        np.testing.assert_allclose(found[row], [low[int(0.2 * 21 + 1e-9) - 1], high[int(np.ceil(0.8 * 21)) - 1]])
    assert np.isinf(Conformal(0.99, ((1.0, 2.0),)).intervals(numbers_KN[:1])).all()


def test_intervals_are_those_of_mapie():
    regression = pytest.importorskip("mapie.regression")
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(120, 3)), rng.normal(size=(30, 3))
    y = X @ [1, 2, 3] + rng.normal(size=120)
    splitter = KFold(5, shuffle=True, random_state=0)
    other = regression.CrossConformalRegressor(LinearRegression(), confidence_level=0.9, method="plus", cv=splitter)
    ends_N2 = other.fit_conformalize(X, y).predict_interval(new)[1][:, :, 0]
    residuals, predicted = [], []
    for train, held_out in splitter.split(X):
        model = LinearRegression().fit(X[train], y[train])
        residuals.append(tuple(np.sort(np.abs(y[held_out] - model.predict(X[held_out])))))
        predicted.append(model.predict(new))
    np.testing.assert_allclose(Conformal(0.9, tuple(residuals)).intervals(np.stack(predicted)), ends_N2)


def test_new_rows_are_covered_as_often_as_asked():
    covered, intervals = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        target = rng.integers(0, 4, 500)
        proba = softmax(1.5 * noisy_logits(target, 4, 1.0, seed), axis=1)  # the folds' models are alike here
        own = class_scores(proba)[np.arange(500), target]
        sets = Conformal(0.9, (tuple(np.sort(own[:50])), tuple(np.sort(own[50:100])))).sets(np.stack([proba[100:]] * 2))
        covered.append(sets[np.arange(400), target[100:]].mean())
        noise = rng.normal(size=500)
        ends = Conformal(0.9, (tuple(np.abs(noise[:100])),)).intervals(np.zeros((1, 400)))
        intervals.append(((noise[100:] >= ends[:, 0]) & (noise[100:] <= ends[:, 1])).mean())
    for found in (covered, intervals):
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        assert 0.9 - 3 * error < np.mean(found) < 0.9 + 3 * error + 2 / 101


def test_measured_coverage_is_that_of_rows_no_score_is_of():
    shares = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        target, fold = rng.integers(0, 4, 200), rng.permutation(200) % 5
        proba = softmax(1.5 * noisy_logits(target, 4, 1.0, seed), axis=1)
        measured = measure_sets(0.9, proba, target, fold)
        shares.append(measured.share)
        rows = np.bincount(target, minlength=4)
        assert measured.share == pytest.approx(np.average(measured.by_class, weights=rows))
        assert 1 < measured.size < 4
        numbers = measure_intervals(0.9, np.abs(rng.normal(size=200)), fold)
        assert abs(numbers.share - 0.9) < 0.08
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert 0.9 - 3 * error < np.mean(shares) < 0.9 + 3 * error + 2 / 161


def test_a_class_without_held_out_rows_has_no_coverage():
    proba = softmax(np.random.default_rng(0).normal(size=(40, 3)), axis=1)
    measured = measure_sets(0.5, proba, np.arange(40) % 2, np.arange(40) % 4)
    assert np.isnan(measured.by_class[2])
