"""Calibration error and the parts of the Brier score against plain computations."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from trainer.inference.reliability import BINS, reliability
from trainer.metrics.predictions import equal_bins
from trainer.report.reliability_plot import reliability_diagram
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


def binary(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return (rng.random(n) < p).astype(int), np.stack([1 - p, p], axis=1)


def test_bins_hold_equally_many_rows_and_the_error_is_their_mean_gap():
    target, proba = binary()
    found = reliability(BINARY, target, proba)
    assert {count for _, _, count in found.bins} == {3000 // BINS}
    order = np.argsort(proba[:, 1]).reshape(BINS, -1)
    gaps = [abs(proba[rows, 1].mean() - target[rows].mean()) for rows in order]
    assert found.ece == pytest.approx(np.mean(gaps))
    assert found.log_loss == pytest.approx(log_loss(target, proba))


def test_equal_probabilities_share_a_bin():
    said = np.repeat([0.1, 0.5, 0.9], [100, 1, 100])
    assert len(set(equal_bins(said)[:100])) == 1
    assert len(set(equal_bins(said)[101:])) == 1
    assert equal_bins(said)[0] != equal_bins(said)[-1]


def test_the_error_of_right_probabilities_is_what_is_expected_by_chance():
    errors = [reliability(BINARY, *binary(300, seed)) for seed in range(25)]
    measured = np.array([one.ece for one in errors])
    expected = np.mean([one.ece_by_chance for one in errors])
    assert abs(measured.mean() - expected) < 3 * measured.std() / np.sqrt(len(measured))
    assert expected > 0.03  # far from 0, although nothing is wrong


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, MULTILABEL])
def test_the_parts_of_the_brier_score_make_the_whole(task):
    rng = np.random.default_rng(1)
    n_classes = 2 if task == BINARY else 3
    raw = rng.random((200, n_classes)).round(2) + 0.01
    proba = raw / raw.sum(axis=1, keepdims=True)
    target = rng.integers(0, n_classes, 200)
    if task == MULTILABEL:
        target = rng.integers(0, 2, (200, 3))
    found = reliability(task, target, proba)
    assert found.brier == pytest.approx(found.miscalibration - found.discrimination + found.uncertainty)
    assert found.miscalibration >= 0
    assert found.discrimination >= 0
    truth = target if task == MULTILABEL else np.eye(n_classes)[target]
    best = [IsotonicRegression().fit(p, t).predict(p) for p, t in zip(proba.T, truth.T, strict=True)]
    per_class = [((t - b) ** 2).mean() for t, b in zip(truth.T, best, strict=True)]
    of_best = per_class[1] if task == BINARY else sum(per_class) / (3 if task == MULTILABEL else 1)
    assert found.brier - found.miscalibration == pytest.approx(of_best)
    if task == BINARY:
        assert found.brier == pytest.approx(brier_score_loss(target, proba[:, 1]))


def test_the_diagram_has_a_line_for_each_and_the_diagonal():
    target, proba = binary(200)
    bins = reliability(BINARY, target, proba).bins
    axes = reliability_diagram({"as predicted": bins, "calibrated": bins}, "'yes'").axes[0]
    assert len(axes.lines) == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["as predicted", "calibrated"]
