import numpy as np
import pytest

from tests.metrics.test_scores import rows
from trainer.metrics.condensed import Condensed
from trainer.metrics.find import house_metrics, metric_named
from trainer.metrics.scores import score
from trainer.metrics.weighted import FromCounts, FromRanks
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


@pytest.mark.parametrize("n_classes", [2, 3, 30])
@pytest.mark.parametrize("n_rows", [1, 2, 7, 200, 5000])
def test_every_metric_is_the_same_to_the_bit_as_of_all_rows(n_rows, n_classes):
    task = BINARY if n_classes == 2 else MULTICLASS
    names = [name for name, metric in house_metrics().items() if task.name in metric.tasks]
    for seed in range(3):
        target, proba = rows(task, n_rows, seed, n_classes)
        whole = {name: metric_named(name)(target, task.as_float64(proba)) for name in names}
        np.testing.assert_equal(score(names, task, target, proba), whole)


def test_metrics_of_counts_see_the_cells_only_and_those_of_ranks_sorted_rows():
    target, proba = rows(BINARY, 5000)
    condensed = Condensed(BINARY, target, BINARY.as_float64(proba))
    for metric in (metric for metric in house_metrics().values() if "binary" in metric.tasks):
        given_target, given_proba, weights = condensed.given(metric)
        if isinstance(metric.make_meter, FromCounts):
            assert len(given_target) == 4
            assert weights.sum() == 5000
        elif isinstance(metric.make_meter, FromRanks):
            assert (np.diff(given_proba[:, 1]) <= 0).all()
        else:
            assert given_target is target


def test_labels_and_metrics_of_somebody_else_see_all_rows():
    target, proba = rows(MULTILABEL)
    assert Condensed(MULTILABEL, target, proba).given(metric_named("f1_macro"))[0] is target

    target, proba = rows(BINARY)
    accuracy = metric_named("accuracy")

    def compute(target, proba, weights=None):
        return 0.0

    theirs = type(accuracy)(compute, True, ("binary",), "theirs", accuracy.make_meter)
    assert Condensed(BINARY, target, proba).given(theirs)[0] is target
