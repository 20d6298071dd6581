"""Every file of trainer/metrics that holds a metric keeps the contract; a new one is found by its file."""

import math

import numpy as np
import pytest

from tests.metrics.test_bootstrap import rows
from trainer.metrics.contract import SINGLE_LABEL, Metric, metric
from trainer.metrics.find import house_metrics
from trainer.metrics.scores import better
from trainer.tasks import TASKS

CASES = [(name, TASKS[task]) for name, one in house_metrics().items() for task in one.tasks]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_weights_count_rows(name, task):
    """A row of weight 3 is the row three times; a row of weight 0 is absent."""
    target, proba = rows(task, 60, seed=5)
    found, proba, moved = house_metrics()[name], task.as_float64(proba), 0.0
    for weights_N in np.random.default_rng(6).integers(0, 4, (5, 60)):
        repeated = np.repeat(np.arange(60), weights_N)
        expected = found(target[repeated], proba[repeated])
        assert found(target, proba, weights_N.astype(float)) == pytest.approx(expected, abs=1e-9)
        moved = max(moved, abs(found(target, proba) - expected))  # a median may stay where it is
    assert moved > 1e-9


@pytest.mark.parametrize(("name", "task"), CASES)
def test_right_predictions_beat_others_and_no_rows_are_undefined(name, task):
    target, proba = rows(task, 60, seed=5)
    found, other = house_metrics()[name], task.as_float64(proba)
    right = task.right(target, proba.shape[1])
    assert better(found(target, right.astype(float)), found(target, other), found.greater_is_better)
    assert math.isnan(found(target[:0], other[:0]))
    assert found.label
    assert found.compute.__doc__


@pytest.mark.parametrize(("name", "task"), CASES)
def test_values_lie_within_the_limits_and_right_predictions_reach_a_better_one(name, task):
    target, proba = rows(task, 60, seed=5)
    found, other = house_metrics()[name], task.as_float64(proba)
    low, high = found.limits
    assert low <= found(target, other) <= high
    best = high if found.greater_is_better else low
    right = found(target, task.right(target, proba.shape[1]).astype(float))
    assert right == pytest.approx(best, abs=1e-12) or math.isinf(best)  # a metric need not say its limits


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_undefined(value):
    made = Metric(lambda *_: value, True, SINGLE_LABEL, "x")
    assert math.isnan(made(np.array([0, 1]), np.eye(2)))


@pytest.mark.parametrize(
    "facts",
    [
        {"tasks": SINGLE_LABEL},
        {"greater_is_better": "yes", "tasks": SINGLE_LABEL},
        {"greater_is_better": True},
        {"greater_is_better": True, "tasks": "binary"},
        {"greater_is_better": True, "tasks": ()},
    ],
)
def test_a_forgotten_fact_is_refused_where_the_metric_is_made(facts):
    with pytest.raises(TypeError):
        metric(**facts)(lambda target, proba, weights=None: 0.0)
