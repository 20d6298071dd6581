"""Calibration against scikit-learn's, and what float32 has cost others."""

import json

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from tests.inference.blend_cases import noisy_logits
from trainer.errors import ConfigError
from trainer.inference.calibration import METHODS, calibrated, calibration_from, fit_calibration, require_calibration
from trainer.inference.log_scores import logit_scores, row_losses
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

N = 400


class Says(ClassifierMixin, BaseEstimator):
    """A finished classifier: its inputs are its decision values."""

    def __init__(self, classes=3):
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = np.arange(self.classes)
        return self

    def decision_function(self, X):
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


def by_scikit_learn(method, values, target, n_classes):
    model = Says(n_classes).fit(values, target)
    return CalibratedClassifierCV(FrozenEstimator(model), method=method).fit(values, target).predict_proba(values)


def rows(n_classes, sharpness=3.0):
    target = np.random.default_rng(0).choice(n_classes, N)
    return target, log_softmax(sharpness * noisy_logits(target, n_classes, 1.0, 1), axis=1)


def test_temperature_of_several_classes_is_scikit_learns():
    target, scores = rows(3)
    ours = calibrated(fit_calibration("temperature", MULTICLASS, target, scores), MULTICLASS, scores)
    np.testing.assert_allclose(ours, by_scikit_learn("temperature", scores, target, 3), atol=1e-5)


def test_platts_scaling_of_two_classes_is_scikit_learns():
    target, scores = rows(2)
    odds = scores[:, 1:] - scores[:, :1]
    ours = calibrated(fit_calibration("platt", BINARY, target, scores), BINARY, scores)
    np.testing.assert_allclose(ours, by_scikit_learn("sigmoid", odds, target, 2), atol=1e-4)


def test_isotonic_regression_of_two_classes_is_scikit_learns_on_the_probabilities():
    target, scores = rows(2)
    ours = calibrated(fit_calibration("isotonic", BINARY, target, scores), BINARY, scores)
    reference = by_scikit_learn("isotonic", expit(scores[:, 1:] - scores[:, :1]), target, 2)
    np.testing.assert_allclose(ours, reference, atol=1e-9)


def test_vector_scaling_of_two_classes_is_beta_calibration():
    target, scores = rows(2)
    reference = LogisticRegression(C=np.inf, max_iter=5000, tol=1e-10).fit(scores, target).predict_proba(scores)
    ours = calibrated(fit_calibration("vector", BINARY, target, scores), BINARY, scores)
    np.testing.assert_allclose(ours, reference, atol=1e-4)


def test_no_step_from_the_vector_found_lowers_the_log_loss():
    target, scores = rows(3)
    fitted = fit_calibration("vector", MULTICLASS, target, scores)
    values = np.array([*fitted.slopes, *fitted.intercepts])

    def loss(v):
        return row_losses(MULTICLASS, target, scores * v[:3] + v[3:]).mean()

    least = loss(values)
    assert all(loss(values + step * np.eye(6)[i]) >= least - 1e-9 for i in range(6) for step in (-1e-2, 1e-2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", [BINARY, MULTICLASS, MULTILABEL])
def test_calibration_lowers_the_log_loss_of_overconfident_rows_and_survives_json(method, task):
    if (method, task) == ("vector", MULTILABEL):
        pytest.skip("refused, see below")
    rng = np.random.default_rng(2)
    if task == MULTILABEL:
        target = rng.integers(0, 2, (N, 2))
        scores = 4 * (rng.normal(size=(N, 2)) + 0.7 * (2 * target - 1))
        truth = target
    else:
        target, scores = rows(2 if task == BINARY else 3)
        truth = np.eye(scores.shape[1])[target]
    fitted = fit_calibration(method, task, target, scores)
    proba = calibrated(calibration_from(json.loads(json.dumps(fitted.to_plain()))), task, scores)
    before = expit(scores) if task == MULTILABEL else softmax(scores, axis=1)
    brier = [((p - truth) ** 2).mean() for p in (before, proba)]
    assert brier[1] < 0.95 * brier[0]
    assert ((proba >= 0) & (proba <= 1)).all()
    if task != MULTILABEL:
        np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_saturated_float32_probabilities_are_calibrated_from_their_logits():
    target, _ = rows(2)
    logits = (40 * noisy_logits(target, 2, 1.0, 1)).astype(np.float32)
    proba = softmax(logits, axis=1)
    assert (proba == 1).mean() > 0.3
    scores = logit_scores(BINARY, proba, logits)
    fitted = fit_calibration("temperature", BINARY, target, scores)
    inverse = min(
        np.linspace(0.01, 0.2, 400), key=lambda b: log_loss(target, softmax(b * logits.astype(float), axis=1))
    )
    assert fitted.slopes[0] == pytest.approx(inverse, abs=1e-3)


def test_separated_rows_end_at_a_bound_which_is_said():
    target, _ = rows(2)
    scores = log_softmax(5.0 * np.eye(2)[target], axis=1)
    assert "at its bound" in fit_calibration("temperature", BINARY, target, scores).line
    assert np.isfinite(fit_calibration("vector", BINARY, target, scores).slopes).all()


def test_a_class_without_rows_and_columns_that_all_say_no_are_no_fault():
    target, scores = rows(3)
    for method in METHODS:
        fitted = fit_calibration(method, MULTICLASS, np.minimum(target, 1), scores)
        proba = calibrated(fitted, MULTICLASS, scores)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        assert method == "temperature" or proba[:, 2].mean() < 0.05  # one number cannot say so


@pytest.mark.parametrize(
    ("method", "task", "said"),
    [
        ("temprature", BINARY, "did you mean 'temperature'"),
        ("vector", MULTILABEL, "use platt"),
        ("platt", REGRESSION, "numbers have intervals"),
    ],
)
def test_methods_that_cannot_be_are_refused(method, task, said):
    with pytest.raises(ConfigError, match=said):
        require_calibration(method, task)
