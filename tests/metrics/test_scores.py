import math

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
        "f1": sk.f1_score(y, said),
        "f_beta": sk.fbeta_score(y, said, beta=2),
        "f_beta@0.5": sk.fbeta_score(y, said, beta=0.5),
        "precision": sk.precision_score(y, said),
        "recall": sk.recall_score(y, said),
        "specificity": sk.recall_score(1 - y, ~said),
        "precision_macro": sk.precision_score(y, said, average="macro"),
        "recall_macro": sk.recall_score(y, said, average="macro"),
        "jaccard_macro": sk.jaccard_score(y, said, average="macro"),
        "g_mean": np.sqrt(sk.recall_score(y, said) * sk.recall_score(1 - y, ~said)),
        "kappa": sk.cohen_kappa_score(y, said),
        "partial_roc_auc@0.2": sk.roc_auc_score(y, p1, max_fpr=0.2),
        "cost@7": np.where(y == said, 0, np.where(y == 1, 7, 1)).mean(),
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
        "precision_macro": sk.precision_score(y, said, average="macro"),
        "jaccard_macro": sk.jaccard_score(y, said, average="macro"),
        "g_mean": np.prod(sk.recall_score(y, said, average=None)) ** (1 / 4),
        "kappa": sk.cohen_kappa_score(y, said),
        "kappa_linear": sk.cohen_kappa_score(y, said, weights="linear"),
        "kappa_quadratic": sk.cohen_kappa_score(y, said, weights="quadratic"),
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
        "recall_macro": sk.recall_score(y, said, average="macro"),
        "jaccard_samples": sk.jaccard_score(y, said, average="samples", zero_division=1),
        "ranking_loss": sk.label_ranking_loss(y, p.astype(float)),
        "coverage_error": sk.coverage_error(y, p.astype(float)),
    }
    assert score(list(expected), MULTILABEL, y, p) == pytest.approx(expected, abs=1e-12)


def test_top_k_matches_scikit_learn_where_nothing_ties():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 5, 300), rng.dirichlet(np.ones(5), 300)
    for k in (1, 2, 4):
        assert score([f"top_k@{k}"], MULTICLASS, y, p)[f"top_k@{k}"] == sk.top_k_accuracy_score(y, p, k=k)
    assert math.isnan(score(["top_k@5"], MULTICLASS, y, p)["top_k@5"])  # it would be 1 whatever is predicted


def test_the_best_of_one_where_the_other_is_enough_is_that_of_the_best_threshold():
    y, p = rows(BINARY)
    recalls, precisions, specificities = [0.0], [1.0], [1.0]
    for threshold in np.unique(p[:, 1]):
        said = p[:, 1] >= threshold
        recalls.append(sk.recall_score(y, said))
        precisions.append(sk.precision_score(y, said))
        specificities.append(sk.recall_score(1 - y, ~said))
    expected = {
        "recall_at_specificity@0.8": max(r for r, s in zip(recalls, specificities, strict=True) if s >= 0.8),
        "specificity_at_recall@0.7": max(s for r, s in zip(recalls, specificities, strict=True) if r >= 0.7),
        "recall_at_precision@0.75": max(r for r, q in zip(recalls, precisions, strict=True) if q >= 0.75),
    }
    assert score(list(expected), BINARY, y, p) == pytest.approx(expected)


def test_lift_counts_the_top_rows_and_shares_what_ties_at_their_end():
    y = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 1])
    p1 = np.array([0.9, 0.8, 0.7, 0.5, 0.5, 0.5, 0.5, 0.2, 0.1, 0.0])
    p = np.stack([1 - p1, p1], axis=1)
    found = score(["lift@0.2", "lift@0.3", "lift@0.5", "lift@1"], BINARY, y, p)
    assert list(found.values()) == pytest.approx([1 / 0.4, (2 / 3) / 0.4, (2.5 / 5) / 0.4, 1])


def test_the_calibration_error_is_the_mean_gap_of_bins_with_equally_many_rows():
    rng = np.random.default_rng(0)
    p1 = rng.permutation(np.linspace(0.01, 0.99, 300))
    y = (rng.random(300) < p1**2).astype(np.int64)
    bins = np.array_split(np.argsort(p1), 15)
    expected = np.mean([abs(y[rows].mean() - p1[rows].mean()) for rows in bins])
    assert score(["ece"], BINARY, y, np.stack([1 - p1, p1], axis=1))["ece"] == pytest.approx(expected)


NO_POSITIVE = [
    "f1",
    "f_beta",
    "precision",
    "recall",
    "lift",
    "recall_at_precision",
    "recall_at_specificity",
    "partial_roc_auc",
]


@pytest.mark.parametrize(
    ("value", "names"), [(0, NO_POSITIVE), (1, ["specificity", "specificity_at_recall", "g_mean", "kappa_quadratic"])]
)
def test_what_rows_of_one_class_cannot_say_is_undefined(value, names):
    y, p = np.full(9, value), rows(BINARY, 9)[1]
    assert all(math.isnan(found) for found in score(names, BINARY, y, p).values())


def test_direction_is_what_it_says():
    """Perfect predictions score better than noisy ones under every metric."""
    for task in TASKS:
        y, noisy = rows(task)
        exact = y if task == MULTILABEL else np.eye(noisy.shape[1])[y]
        names = [name for name, metric in house_metrics().items() if task.name in metric.tasks]
        best, other = score(names, task, y, exact.astype(np.float32)), score(names, task, y, noisy)
        for name in names:
            as_good = name == "lift" and best[name] == other[name]  # the top tenth may be right already
            assert as_good or better(best[name], other[name], house_metrics()[name].greater_is_better), name


def test_numbers_match_scikit_learn_and_scipy():
    rng = np.random.default_rng(0)
    y = np.round(rng.normal(15, 2, 80))
    p = (y + rng.normal(0, 1, 80))[:, None]
    expected = {
        "rmse": sk.root_mean_squared_error(y, p),
        "mae": sk.mean_absolute_error(y, p),
        "r2": sk.r2_score(y, p),
        "spearman": stats.spearmanr(y, p[:, 0]).statistic,
        "pearson": stats.pearsonr(y, p[:, 0]).statistic,
        "medae": sk.median_absolute_error(y, p),
        "mape": sk.mean_absolute_percentage_error(y, p),
        "rmsle": sk.root_mean_squared_log_error(y, p),
    }
    assert score(list(expected), REGRESSION, y, p) == pytest.approx(expected, abs=1e-12)
    constant = score(list(expected), REGRESSION, np.full(3, 5.0), np.arange(3.0)[:, None])
    assert [name for name, value in constant.items() if math.isnan(value)] == ["r2", "spearman", "pearson"]


def test_undefined_is_nan_without_a_warning():
    one_class = np.zeros(6, dtype=np.int64)
    proba = np.full((6, 2), 0.5, dtype=np.float32)
    values = score(BINARY.default_metrics, BINARY, one_class, proba)
    undefined = ["balanced_accuracy", "f1_macro", "mcc", "roc_auc", "average_precision"]
    assert [name for name, value in values.items() if math.isnan(value)] == undefined


OVER_CLASSES = {"f1_macro", "precision_macro", "recall_macro", "jaccard_macro", "roc_auc", "average_precision"}


def test_a_mean_over_classes_is_undefined_on_rows_that_lack_one_and_all_else_is_as_in_scikit_learn():
    y, p = rows(MULTICLASS)
    keep = y != 2
    y, p = y[keep], p[keep].astype(float) / p[keep].astype(float).sum(axis=1, keepdims=True)
    names = [name for name, metric in house_metrics().items() if "multiclass" in metric.tasks]
    values, said = score(names, MULTICLASS, y, p), p.argmax(axis=1)
    assert (
        said == 2
    ).any()  # scikit-learn warns that such a mean is ill-defined, and counts the class 0 or leaves it out
    assert {name for name in names if math.isnan(values[name])} == {*OVER_CLASSES, "balanced_accuracy", "g_mean"}
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "f1_weighted": sk.f1_score(y, said, average="weighted", labels=[0, 1, 3]),
        "mcc": sk.matthews_corrcoef(y, said),
        "kappa": sk.cohen_kappa_score(y, said),
        "log_loss": sk.log_loss(y, p, labels=range(4)),
        "brier": np.mean(((np.eye(4)[y] - p) ** 2).sum(axis=1)),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_a_mean_over_labels_is_undefined_on_rows_without_one_of_them():
    y, p = rows(MULTILABEL)
    y[:, 1] = 0
    names = [name for name, metric in house_metrics().items() if "multilabel" in metric.tasks]
    values = score(names, MULTILABEL, y, p)
    assert {name for name in names if math.isnan(values[name])} == OVER_CLASSES
    y[:, 1] = 1  # a label that all rows have is told apart from others by no threshold, but it has rows to be found
    values = score(names, MULTILABEL, y, p)
    assert {name for name in names if math.isnan(values[name])} == {"roc_auc"}
    assert values["f1_macro"] == pytest.approx(sk.f1_score(y, p > 0.5, average="macro"))


def test_a_class_whose_rows_count_nothing_is_lacking():
    y, p = np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 2]]
    metric = house_metrics()["balanced_accuracy"]
    assert metric(y, p, np.array([1.0, 1.0, 1.0, 2.0])) == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert math.isnan(metric(y, p, np.array([1.0, 1.0, 1.0, 0.0])))


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
