"""What rows cannot tell: against many predictions scored by each metric, and the reason in words."""

import math

import numpy as np
import pytest

from trainer.metrics.find import house_metrics
from trainer.metrics.undefined import cannot_decide, hangs_on_few, lacking
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
    predictions = [task.as_float64(random.random((len(target), task.n_predicted(n_classes)))) for _ in range(15)]
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


@pytest.mark.parametrize(
    ("name", "target", "rarest"),
    [
        ("average_precision", np.repeat([0, 1], [40, 2]), 1),
        ("roc_auc", np.repeat([0, 1, 2], [40, 4, 20]), 1),
        ("f1_macro", np.repeat([0, 1], [40, 2]), 1),
        ("balanced_accuracy", np.repeat([0, 1], [2, 40]), 0),
        ("average_precision", np.repeat([0, 1], [40, 5]), None),
        ("accuracy", np.repeat([0, 1], [40, 2]), None),
        ("log_loss", np.repeat([0, 1], [40, 2]), None),
        ("average_precision", np.eye(2, dtype=np.int64)[np.repeat([0, 1], [40, 3])], 1),
        ("hamming_loss", np.eye(2, dtype=np.int64)[np.repeat([0, 1], [40, 3])], None),
        ("rmse", np.linspace(0, 1, 9), None),
    ],
)
def test_a_metric_hangs_on_few_rows_where_one_of_them_weighs_much(name, target, rarest):
    n_classes = target.shape[1] if target.ndim == 2 else len(np.unique(target))
    assert hangs_on_few(name, target, n_classes) == rarest
