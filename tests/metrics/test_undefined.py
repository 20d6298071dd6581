"""What rows cannot tell: against many predictions scored by each metric, and the reason in words."""

import math

import numpy as np
import pytest

from trainer.metrics.find import house_metrics
from trainer.metrics.undefined import cannot_decide, lacking
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

LABELS = np.array([[1, 0], [1, 1], [1, 0], [1, 1]])
ROWS = [
    (BINARY, np.array([0, 0, 0, 0])),
    (BINARY, np.array([1, 1, 1, 1])),
    (BINARY, np.array([0, 1, 0, 0])),
    (MULTICLASS, np.array([0, 1, 1, 0])),  # of three classes
    (MULTICLASS, np.array([0, 1, 2, 0])),
    (MULTILABEL, LABELS),  # no row without the first
    (MULTILABEL, 1 - LABELS),
    (MULTILABEL, np.array([[1, 0], [0, 1]])),
    (REGRESSION, np.array([1.0, 1.0, 1.0])),
    (REGRESSION, np.array([1.0, 2.0, 4.0])),
]


@pytest.mark.parametrize(("task", "target"), ROWS)
def test_a_metric_that_is_the_same_for_all_predictions_cannot_decide(task, target):
    n_classes = {BINARY: 2, MULTICLASS: 3, MULTILABEL: 2, REGRESSION: 0}[task]
    random, found = np.random.default_rng(0), {}
    predictions = [task.as_float64(random.random((len(target), task.n_predicted(n_classes)))) for _ in range(40)]
    for name, metric in house_metrics().items():
        if task.name in metric.tasks:
            values = {round(value, 9) for value in (metric(target, p) for p in predictions) if not math.isnan(value)}
            found[name] = len(values) < 2
            assert cannot_decide(name, target, n_classes) == found[name], name
    complete = lacking(task, target, ("a", "b", "c")[:n_classes]) == "" and len(np.unique(target)) > 1
    assert any(found.values()) != complete


def test_no_rows_decide_nothing():
    assert cannot_decide("accuracy", np.zeros(0, dtype=np.int64), 2)


def test_what_rows_lack_is_said():
    assert lacking(BINARY, np.array([0, 0]), ("no", "yes")) == "no row of class 'yes'"
    assert lacking(BINARY, np.array([0, 1]), ("no", "yes")) == ""
    assert lacking(MULTILABEL, LABELS, ("a", "b")) == "no row without label 'a'"
    assert lacking(MULTILABEL, 1 - LABELS, ("a", "b")) == "no row with label 'a'"
    both = np.array([[1, 0], [1, 0]])
    assert lacking(MULTILABEL, both, ("a", "b")) == "no row with label 'b' and no row without label 'a'"
    many = lacking(MULTICLASS, np.array([0]), tuple("abcdef"))
    assert many == "no row of class 'b' or 'c' or 'd' and 2 more"
