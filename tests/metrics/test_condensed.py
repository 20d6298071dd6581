import numpy as np
import pytest
from sklearn import metrics as sk

from tests.metrics.test_scores import rows
from trainer.metrics import condensed
from trainer.metrics.condensed import values_of
from trainer.metrics.contract import Metric
from trainer.metrics.find import house_metrics, metric_named
from trainer.metrics.weighted import FromCounts, FromRanks
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


@pytest.mark.parametrize(("task", "n_classes"), [(BINARY, 2), (MULTICLASS, 3), (MULTICLASS, 130), (MULTILABEL, 4)])
@pytest.mark.parametrize("n_rows", [1, 2, 7, 200, 5000])
def test_every_metric_is_to_the_bit_what_it_returns_itself(n_rows, task, n_classes):
    metrics = {name: metric for name, metric in house_metrics().items() if task.name in metric.tasks}
    for seed in range(3):
        target, proba = rows(task, n_rows, seed, n_classes)
        proba = task.as_float64(proba)
        whole = {name: metric(target, proba) for name, metric in metrics.items()}
        np.testing.assert_equal(values_of(metrics, task, target, proba), whole)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_are_to_the_bit_those_of_scikit_learn(n_classes):
    random = np.random.default_rng(0)
    for n_rows in (1, 10, 1001, 150_000):
        proba = BINARY.as_float64(random.random((n_rows, n_classes)) ** 9)
        target = random.integers(0, n_classes, n_rows)
        labels, given = np.arange(n_classes), proba[:, 1] if n_classes == 2 else proba
        assert metric_named("log_loss")(target, proba) == sk.log_loss(target, proba, labels=labels)
        assert metric_named("brier")(target, proba) == sk.brier_score_loss(target, given, labels=labels)


def test_metrics_of_counts_and_of_ranks_are_asked_for_no_rows():
    target, proba = rows(BINARY, 5000)
    seen = {}

    def watched(name, metric):
        def compute(target, proba, weights=None):
            seen[name] = len(target)
            return 0.0

        compute.__module__ = condensed.__name__
        return Metric(compute, True, ("binary",), name, metric.make_meter)

    metrics = {name: metric for name, metric in house_metrics().items() if "binary" in metric.tasks}
    values_of({name: watched(name, metric) for name, metric in metrics.items()}, BINARY, target, proba)
    counted = {name for name, metric in metrics.items() if isinstance(metric.make_meter, FromCounts)}
    ranked = {name for name, metric in metrics.items() if isinstance(metric.make_meter, FromRanks)}
    assert seen == {name: 5000 for name in metrics if name not in counted | ranked}
    assert len(counted) > 5
    assert len(ranked) == 2


def test_a_metric_of_somebody_else_sees_all_rows():
    target, proba = rows(BINARY)
    theirs = Metric(lambda t, p, w=None: float(len(t)), True, ("binary",), "", metric_named("f1").make_meter)
    assert values_of({"theirs": theirs}, BINARY, target, proba) == {"theirs": 200.0}
