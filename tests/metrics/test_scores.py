import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from trainer.metrics.check import check_names
from trainer.metrics.find import house_metrics
from trainer.metrics.scores import better, score
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

TASKS = (BINARY, MULTICLASS, MULTILABEL)


def rows(task, n=200, seed=0, n_classes=4):
    """Targets and probabilities with ties, so that ranking metrics have to handle them."""
    rng = np.random.default_rng(seed)
    if task == MULTILABEL:
        target = (rng.random((n, n_classes)) < 0.4).astype(np.int64)
        proba = np.round(np.clip(rng.random((n, n_classes)) * 0.7 + target * 0.3, 0, 1), 1)
        return target, proba.astype(np.float32)
    c = 2 if task == BINARY else n_classes
    target = rng.integers(0, c, n)
    raw = np.round(rng.random((n, c)) + (target[:, None] == np.arange(c)) * 0.4, 1) + 0.1
    return target, (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


def test_binary_matches_scikit_learn():
    y, p = rows(BINARY)
    said, p1 = p[:, 1] > p[:, 0], p[:, 1].astype(float) / p.astype(float).sum(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "f1_macro": sk.f1_score(y, said, average="macro"),
        "f1_micro": sk.f1_score(y, said, average="micro"),
        "f1_weighted": sk.f1_score(y, said, average="weighted"),
        "mcc": sk.matthews_corrcoef(y, said),
        "roc_auc": sk.roc_auc_score(y, p1),
        "average_precision": sk.average_precision_score(y, p1),
        "log_loss": sk.log_loss(y, p1),
        "brier": np.mean((y - p1) ** 2),
    }
    assert score(list(expected), BINARY, y, p) == pytest.approx(expected, abs=1e-12)


def test_multiclass_matches_scikit_learn():
    y, p = rows(MULTICLASS)
    said, p64 = p.argmax(axis=1), p.astype(float) / p.astype(float).sum(axis=1, keepdims=True)
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "f1_macro": sk.f1_score(y, said, average="macro"),
        "mcc": sk.matthews_corrcoef(y, said),
        "roc_auc": sk.roc_auc_score(y, p64, multi_class="ovr"),
        "average_precision": sk.average_precision_score(y, p64),
        "log_loss": sk.log_loss(y, p64),
        "brier": np.mean(((np.eye(4)[y] - p64) ** 2).sum(axis=1)),
    }
    assert score(list(expected), MULTICLASS, y, p) == pytest.approx(expected, abs=1e-12)


def test_multilabel_matches_scikit_learn():
    y, p = rows(MULTILABEL)
    said = p > 0.5
    expected = {
        "hamming_loss": sk.hamming_loss(y, said),
        "subset_accuracy": sk.accuracy_score(y, said),
        "f1_micro": sk.f1_score(y, said, average="micro"),
        "f1_macro": sk.f1_score(y, said, average="macro"),
        "lrap": sk.label_ranking_average_precision_score(y, p.astype(float)),
        "roc_auc": sk.roc_auc_score(y, p),
        "average_precision": sk.average_precision_score(y, p),
    }
    assert score(list(expected), MULTILABEL, y, p) == pytest.approx(expected, abs=1e-12)


def test_direction_is_what_it_says():
    """Perfect predictions score better than noisy ones under every metric."""
    for task in TASKS:
        y, noisy = rows(task)
        exact = y if task == MULTILABEL else np.eye(noisy.shape[1])[y]
        names = [name for name, metric in house_metrics().items() if task.name in metric.tasks]
        best, other = score(names, task, y, exact.astype(np.float32)), score(names, task, y, noisy)
        for name in names:
            assert better(best[name], other[name], house_metrics()[name].greater_is_better), name


def test_numbers_match_scikit_learn_and_scipy():
    rng = np.random.default_rng(0)
    y = np.round(rng.normal(5, 2, 80))
    p = (y + rng.normal(0, 1, 80))[:, None]
    expected = {
        "rmse": sk.root_mean_squared_error(y, p),
        "mae": sk.mean_absolute_error(y, p),
        "r2": sk.r2_score(y, p),
        "spearman": stats.spearmanr(y, p[:, 0]).statistic,
    }
    assert score(list(expected), REGRESSION, y, p) == pytest.approx(expected, abs=1e-12)
    constant = score(list(expected), REGRESSION, np.full(3, 5.0), np.arange(3.0)[:, None])
    assert [name for name, value in constant.items() if math.isnan(value)] == ["r2", "spearman"]


def test_undefined_is_nan_without_a_warning():
    one_class = np.zeros(6, dtype=np.int64)
    proba = np.full((6, 2), 0.5, dtype=np.float32)
    values = score(BINARY.default_metrics, BINARY, one_class, proba)
    assert [name for name, value in values.items() if math.isnan(value)] == ["mcc", "roc_auc", "average_precision"]


def test_class_absent_from_the_rows():
    y, p = rows(MULTICLASS)
    keep = y != 2
    values = score(MULTICLASS.default_metrics, MULTICLASS, y[keep], p[keep])
    assert math.isnan(values["roc_auc"])
    assert math.isnan(values["average_precision"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.balanced_accuracy_score(y[keep], p[keep].argmax(axis=1))
    assert values["balanced_accuracy"] == pytest.approx(expected)
    assert math.isfinite(values["log_loss"])


def test_nonfinite_probabilities_and_no_rows_are_nan():
    y, p = rows(MULTICLASS)
    p[3, 1] = np.nan
    assert all(math.isnan(v) for v in score(["accuracy", "log_loss"], MULTICLASS, y, p).values())
    assert math.isnan(score(["accuracy"], MULTICLASS, y[:0], p[:0])["accuracy"])


def test_prediction_ties_go_to_the_lower_class():
    half = np.full((1, 2), 0.5, dtype=np.float32)
    assert BINARY.predicted(half).tolist() == [0]
    assert MULTILABEL.predicted(half).tolist() == [[0, 0]]


def test_better():
    nan = math.nan
    assert better(2, 1, True)
    assert not better(2, 1, False)
    assert better(1, 2, False)
    assert not better(1, 1, True)
    assert not better(1, 1, False)
    assert not better(nan, 1, True)
    assert better(1, nan, False)
    assert not better(nan, nan, True)


@pytest.mark.parametrize("task", TASKS)
def test_defaults_are_valid_and_distinct(task):
    assert check_names(task.default_metrics, task) == []


def test_check_names():
    assert check_names(["acc"], BINARY) == ["metrics.names: unknown metric 'acc': did you mean 'accuracy'?"]
    assert check_names(["AUC"], BINARY)[0].endswith("did you mean 'roc_auc'?")
    (problem,) = check_names(["accuracy"], MULTILABEL)
    assert problem.startswith("metrics.names: 'accuracy' is not for a multilabel task; have: average_precision")
    assert check_names(["mcc", "mcc"], BINARY) == ["metrics.names: 'mcc' is listed 2 times"]
    assert len(check_names(["acc", "lrap"], BINARY)) == 2
