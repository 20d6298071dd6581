import json
import pickle
import re

import numpy as np
import pytest

from tests.places import REPOSITORY
from trainer.metrics.find import metric_named
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION, TASKS, of_classes, of_target, quantile_bins

LABELS = np.array([[0, 1, 1], [0, 0, 0], [0, 1, 1]])
COMPARED = re.compile(
    r"""[!=]=\s*["'](?:binary|multiclass|multilabel|regression)["']|\btask\s*[!=]=|\btask\s+(?:not\s+)?in\s*\(|target\w*\.ndim"""
)


def test_nothing_else_compares_tasks_or_looks_at_the_form_of_a_target():
    files = [path for path in (REPOSITORY / "trainer").rglob("*.py") if path.name != "tasks.py"]
    lines = [(path.name, line) for path in files for line in path.read_text().splitlines()]
    assert len(files) > 100
    assert [line for line in lines if COMPARED.search(line[1])] == []
    known = ('task == "x"', "if spec.task != x", 'kind == "binary"', "target_N.ndim", "task in ('a',)")
    assert all(map(COMPARED.search, known))


def test_a_task_is_its_name_in_files_and_refuses_to_be_compared_with_it():
    assert [str(task) for task in TASKS.values()] == list(TASKS) == ["binary", "multiclass", "multilabel", "regression"]
    assert pickle.loads(pickle.dumps(BINARY)) == BINARY != MULTICLASS
    assert len({BINARY, pickle.loads(pickle.dumps(BINARY))}) == 1
    with pytest.raises(TypeError, match="the task binary is compared with the text 'binary'"):
        assert BINARY == "binary"
    with pytest.raises(TypeError):
        json.dumps(BINARY)


def test_default_metrics_fit_the_task():
    assert all(task.name in metric_named(name).tasks for task in TASKS.values() for name in task.default_metrics)


def test_what_follows_from_a_target():
    classes = np.array([2, 0, 2])
    assert [of_classes(2), of_classes(3)] == [BINARY, MULTICLASS]
    assert [of_target(rows) for rows in (classes, LABELS, classes / 2)] == [MULTICLASS, MULTILABEL, REGRESSION]
    assert MULTICLASS.class_counts(classes, 4).tolist() == [1, 0, 2, 0]
    assert MULTILABEL.class_counts(LABELS, 3).tolist() == [0, 2, 2]
    assert MULTICLASS.indicators(classes).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert MULTILABEL.codes(LABELS).tolist() == [1, 0, 1]
    assert MULTICLASS.label_text(classes[0], "abc") == "c"
    assert [MULTILABEL.label_text(row, "abc") for row in LABELS[:2]] == ["b + c", "no label"]
    for task, target in ((MULTICLASS, classes), (MULTILABEL, LABELS), (REGRESSION, classes / 2)):
        assert np.array_equal(task.from_columns(task.columns(target)), target)


def test_outputs_and_values():
    assert [task.n_outputs(n) for task, n in ((BINARY, 2), (MULTICLASS, 4), (MULTILABEL, 4))] == [1, 4, 4]
    assert [task.n_values(n) for task, n in ((BINARY, 2), (MULTICLASS, 4), (MULTILABEL, 4))] == [2, 4, 2]
    assert [task.by_sigmoid(task.n_outputs(4)) for task in TASKS.values()] == [True, False, True, False]
    other = [(task.name, name) for task in TASKS.values() for name in TASKS if task.fits(name) and name != task.name]
    assert other == [("binary", "multiclass")]


def test_quantile_bins_are_equal_in_size_and_keep_equal_numbers_together():
    values = np.random.default_rng(0).permutation(100).astype(float)
    bins = quantile_bins(values, 10, 5)
    assert np.bincount(bins).tolist() == [10] * 10
    assert np.array_equal(bins, values // 10)  # the deciles of 0 to 99
    assert len(np.bincount(quantile_bins(values, 10, 20))) == 5  # few rows: fewer bins
    assert quantile_bins(values[:3], 10, 5).tolist() == [0, 0, 0]


@pytest.mark.parametrize("share", [0.5, 0.95, 1.0])
def test_no_bin_is_smaller_than_asked_whatever_is_tied(share):
    values = np.random.default_rng(1).normal(size=200)
    values[: int(200 * share)] = 0.0
    bins = quantile_bins(values, 10, 5)
    assert np.bincount(bins).min() >= 5
    assert len(np.unique(bins[values == 0])) == 1
    assert (np.diff(bins[np.argsort(values, kind="stable")]) >= 0).all()


def test_what_a_number_answers():
    values = np.array([1.5, -2.0, 1.5, 4.0])
    assert REGRESSION.codes(values).tolist() == [1, 0, 1, 2]
    assert (REGRESSION.n_outputs(0), REGRESSION.n_predicted(0), REGRESSION.described(0)) == (1, 1, "regression")
    assert REGRESSION.predicted(values[:, None]).tolist() == values.tolist()
    assert REGRESSION.label_text(values[1], ()) == "-2"
    strata = REGRESSION.strata(values, 2, 2)
    assert strata.tolist() == [0, 0, 0, 0] or np.bincount(strata).min() >= 2
    assert MULTICLASS.strata(np.array([0, 1]), 9, 9).tolist() == [0, 1]
