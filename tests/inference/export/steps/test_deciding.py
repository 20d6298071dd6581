"""What the folder decides by is what foldwise predict decides by, in numpy alone."""

import numpy as np
import pytest

from trainer.inference.apply_decision import with_decision
from trainer.inference.average import Averaged, entropy
from trainer.inference.calibration import METHODS, fit_calibration
from trainer.inference.conformal import Conformal, by_fold
from trainer.inference.decision import Decision
from trainer.inference.export.steps.deciding import decided
from trainer.inference.log_scores import log_scores
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

N, K = 120, 3
RNG = np.random.default_rng(0)
WIDTHS = {BINARY: 2, MULTICLASS: 4, MULTILABEL: 3}


def said(task):
    """What K folds say of N rows, float32 as the graph gives it, and what is so."""
    logits = 3 * RNG.normal(size=(K, N, WIDTHS[task]))
    if task is MULTILABEL:
        return (1 / (1 + np.exp(-logits))).astype(np.float32), RNG.integers(0, 2, (N, WIDTHS[task]))
    proba = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return proba.astype(np.float32), RNG.integers(0, WIDTHS[task], N)


def require_same(task, proba_KNC, decision):
    facts = {
        "task": {"has_classes": task.has_classes, "several_labels": task.several_labels},
        "folds": [str(fold) for fold in range(K)],
        "decision": decision.to_plain(),
    }
    found = decided(proba_KNC, facts)
    mean = task.as_float64(proba_KNC.astype(np.float64).mean(axis=0))
    start = Averaged(mean, np.zeros(N), entropy(mean, task) if task.has_classes else None)
    wanted = with_decision(start, decision, list(range(K)), list(proba_KNC))
    np.testing.assert_allclose(found.proba_BC, wanted.proba_BC, rtol=0, atol=1e-12)
    if task.has_classes:
        np.testing.assert_allclose(found.entropy_B, wanted.entropy_B, rtol=0, atol=1e-10)
        np.testing.assert_array_equal(found.labels, wanted.labels_B)
    if decision.conformal is not None:
        np.testing.assert_allclose(found.cover, wanted.cover, rtol=1e-12)


@pytest.mark.parametrize("task", WIDTHS, ids=str)
@pytest.mark.parametrize("method", [None, *METHODS])
def test_calibration_thresholds_and_sets(task, method):
    proba_KNC, target = said(task)
    calibration = None
    if method is not None and (method, task) != ("vector", MULTILABEL):
        calibration = fit_calibration(method, task, target, log_scores(task, proba_KNC.mean(axis=0)))
    offsets = tuple(RNG.normal(size=WIDTHS[task]).tolist())
    conformal = None
    if not task.several_labels:
        conformal = Conformal(0.8, by_fold(RNG.random(N), np.arange(N) % K, range(K)))
    require_same(task, proba_KNC, Decision(task, "f1_macro", calibration, offsets, (), conformal))
    require_same(task, proba_KNC, Decision(task, None, calibration))


def test_costs_and_intervals():
    proba_KNC, _ = said(MULTICLASS)
    cost = tuple(map(tuple, RNG.random((4, 4)).tolist()))
    require_same(MULTICLASS, proba_KNC, Decision(MULTICLASS, cost=cost))
    numbers_KN1 = RNG.normal(size=(K, N, 1))
    conformal = Conformal(0.9, by_fold(RNG.random(N), np.arange(N) % K, range(K)))
    require_same(REGRESSION, numbers_KN1, Decision(REGRESSION, conformal=conformal))


def test_certain_probabilities_have_no_entropy_and_no_nan():
    proba_KNC = np.zeros((K, N, 3), dtype=np.float32)
    proba_KNC[:, :, 1] = 1
    for method in METHODS:
        fitted = fit_calibration(method, MULTICLASS, np.ones(N, np.int64), log_scores(MULTICLASS, proba_KNC[0]))
        require_same(MULTICLASS, proba_KNC, Decision(MULTICLASS, calibration=fitted))
