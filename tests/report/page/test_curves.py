"""Curves are scikit-learn's, whatever the ties; what is thinned lies on them."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from trainer.metrics.ranking import ranking
from trainer.report.page.curves import (
    GRID_G,
    band,
    counts_above,
    precision_recall,
    reliability,
    roc,
    thinned,
)


def rows(n=400, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    return truth, np.round(np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1), digits)  # rounded: ties


@pytest.mark.parametrize("digits", [1, 2, 9])
def test_roc_and_precision_are_scikit_learns(digits):
    truth, score = rows(digits=digits)
    found = ranking(truth, score)
    fpr, tpr, _ = roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(roc(found), (fpr, tpr))
    precision, recall, _ = precision_recall_curve(truth, score)
    np.testing.assert_allclose(precision_recall(found), (recall[::-1], precision[::-1]))


def test_of_one_kind_of_row_there_is_no_curve():
    score = np.array([0.1, 0.2])
    assert roc(ranking(np.array([True, True]), score)) is None
    assert roc(ranking(np.array([False, False]), score)) is None
    assert precision_recall(ranking(np.array([False, False]), score)) is None


def test_counts_are_those_of_the_confusion_matrix():
    truth, score = rows()
    thresholds = np.array([0.0, 0.25, 0.5, 1.0])
    counts = counts_above(truth, score, thresholds)
    for threshold, hits, false in zip(thresholds, counts.hits_T, counts.false_T, strict=True):
        (_, fp), (_, tp) = confusion_matrix(truth, score > threshold, labels=[False, True])
        assert (hits, false) == (tp, fp)


def test_bins_are_scikit_learns_with_wilsons_interval():
    truth, score = rows(digits=9)
    bins = reliability(truth, score)
    share, said = calibration_curve(truth, score, n_bins=10)
    np.testing.assert_allclose(bins.said_B, said)
    np.testing.assert_allclose(bins.share_B, share)
    for n, part, low, high in zip(bins.n_B, bins.share_B, bins.low_B, bins.high_B, strict=True):
        known = binomtest(round(n * part), int(n)).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((known.low, known.high), abs=1e-6)


def test_the_band_of_roc_is_the_mean_of_interpolated_folds():
    lines = [roc(ranking(*rows(seed=seed))) for seed in range(4)]
    low, high = band(lines, stepped=False)
    values = np.array([np.interp(GRID_G, *line) for line in lines])
    values[:, 0] = 0
    np.testing.assert_allclose((low + high)[5:-5] / 2, values.mean(axis=0)[5:-5])
    np.testing.assert_allclose((high - low)[5:20] / 2, values.std(axis=0, ddof=1)[5:20])
    assert band(lines[:1], stepped=False) is None


def test_the_band_of_precision_reads_steps():
    line = np.array([0.0, 0.5, 0.5, 1.0]), np.array([1.0, 0.8, 0.6, 0.2])
    low, high = band([line, line], stepped=True)
    np.testing.assert_allclose(low, high)
    assert [low[GRID_G.searchsorted(at)] for at in (0.0, 0.2, 0.5, 0.52, 1.0)] == [1.0, 0.8, 0.8, 0.2, 0.2]


def test_a_thinned_curve_keeps_its_ends_and_lies_on_the_curve():
    line = roc(ranking(*rows(n=5000, digits=9)))
    x, y = thinned(line, 80)
    assert len(x) <= 80 < len(line[0])
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    whole = set(zip(*line, strict=True))
    assert set(zip(x, y, strict=True)) <= whole
    assert np.abs(np.interp(line[0], x, y) - line[1]).max() < 0.05
    few = roc(ranking(*rows(n=40)))
    corners = thinned(few, 80)
    np.testing.assert_allclose(np.interp(GRID_G, *corners), np.interp(GRID_G, *few))
