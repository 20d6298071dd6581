"""Hints of curves that were made for them, and none of good ones."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.report.hints import falls_from_best, hints, still_improving
from trainer.report.markdown import report_markdown
from trainer.results import Baseline, EpochRecord, Lead, MetricSummary

EPOCHS = np.arange(1, 21)
CONVERGED = 2 * np.exp(-EPOCHS / 3) + 0.01  # the way a run should end
FALLING = 2 * np.exp(-EPOCHS / 15)


def noisy(curve, seed, by=0.01):
    return curve + np.random.default_rng(seed).normal(size=len(curve)) * by


def made(fake_result, losses, scores=None):
    """A run whose folds have these training losses and, where epochs are picked, these scores."""
    result, oof, folds = fake_result()
    changed = []
    for place, fold in enumerate(folds):
        loss = losses[place] if isinstance(losses, list) else noisy(losses, place)
        score = None if scores is None else noisy(scores, place + 10)
        epochs = tuple(
            EpochRecord(
                e + 1, e, float(loss[e]), 0.1, 1.0, monitor={} if score is None else {"accuracy": float(score[e])}
            )
            for e in range(len(loss))
        )
        best = len(loss) if score is None else int(score.argmax()) + 1
        changed.append(replace(fold, epochs=epochs, best_epoch=best))
    return result, oof, changed


def test_good_curves_give_none(fake_result):
    for losses, scores in (
        (CONVERGED, None),
        (CONVERGED, 0.9 - 0.4 * np.exp(-EPOCHS / 3)),  # a plateau, its best anywhere on it
        (np.full(20, 0.5), np.full(20, 0.8)),  # and a little noise
        (CONVERGED, 0.6 + 0 * EPOCHS),
    ):
        result, _, folds = made(fake_result, losses, scores)
        assert hints(result, folds, 20) == []
    short, _, few = fake_result(n=30)
    assert hints(short, few, 3) == []  # three epochs say nothing


def test_a_metric_that_was_always_the_same_is_told_with_its_folds(fake_result):
    result, _, folds = made(fake_result, CONVERGED, 0.9 - 0.4 * np.exp(-EPOCHS / 3))
    same = [replace(epoch, monitor={"accuracy": 0.9}) for epoch in folds[1].epochs]
    folds[1] = replace(folds[1], epochs=tuple(same), best_epoch=20)
    assert hints(result, folds, 20) == [
        "accuracy was the same after every epoch in 1 of 3 folds (1): it picks none there, the last is kept; "
        "lead metrics.names with one that tells more"
    ]


def test_a_loss_that_still_falls_names_more_epochs_unless_the_fold_stopped_early(fake_result):
    result, _, folds = made(fake_result, FALLING)
    assert hints(result, folds, 20) == [
        "the training loss still fell at the last epoch in 3 of 3 folds: try max_epochs=40"
    ]
    assert hints(result, folds, 30) == []
    one, _, most = made(fake_result, [noisy(FALLING, 0), CONVERGED, CONVERGED])
    assert hints(one, most, 20) == []  # a single fold is no majority


def test_a_score_that_still_improves_counts_more_than_a_loss(fake_result):
    result, _, folds = made(fake_result, CONVERGED, 0.5 + 0.02 * EPOCHS)
    assert hints(result, folds, 20) == ["accuracy still improved at the last epoch in 3 of 3 folds: try max_epochs=40"]
    result, _, folds = made(fake_result, FALLING, 0.9 - 0.4 * np.exp(-EPOCHS / 3))
    assert hints(result, folds, 20) == []


def test_a_score_that_is_past_its_best_names_what_stops_earlier(fake_result):
    score = 0.5 + 0.4 * np.exp(-((EPOCHS - 5) ** 2) / 60)
    result, _, folds = made(fake_result, CONVERGED, score)
    (hint,) = hints(result, folds, 20)
    assert hint.startswith("accuracy was best at epoch ")
    assert "of 20 (median) and fell in 3 of 3 folds: try fit.patience_epochs=4, a smaller optimizer.lr" in hint


@pytest.mark.parametrize(("ci95", "said"), [((-0.3, -0.1), True), ((-0.3, 0.1), False), (None, False)])
def test_a_baseline_that_is_surely_better_is_named(fake_result, ci95, said):
    result, oof, folds = made(fake_result, CONVERGED)
    metrics = dict.fromkeys(result.metrics, MetricSummary((0.9,) * 3, 0.9, 0.0, 0.95, None))
    better = dict.fromkeys(result.metrics, MetricSummary((0.9,) * 3, 0.9, 0.0, 0.97, None))
    lead = dict.fromkeys(result.metrics, Lead((-0.2,) * 3, -0.2, 0.0, -0.2, ci95))
    result = replace(
        result, baselines={"linear": Baseline("x", metrics, lead), "boosting": Baseline("y", better, lead)}
    )
    found = hints(result, folds, 20)
    own = result.metrics["accuracy"].oof
    wanted = f"boosting is better on the same folds (accuracy 0.9700, this model {own:.4f}): try another optimizer.lr"
    assert [hint.startswith(wanted) for hint in found] == ([True] if said else [])
    assert ("> **Hint:** boosting is better" in report_markdown(result, oof, folds, {}, hints=found)) == said


def test_three_at_most_and_noise_alone_says_nothing(fake_result):
    flat = [np.random.default_rng(seed).normal(size=20) for seed in range(200)]
    assert np.mean([still_improving(curve) for curve in flat]) < 0.05
    assert np.mean([falls_from_best(curve) for curve in flat]) < 0.2  # of one fold; a hint needs most of them
