"""Metrics by scikit-learn on the whole of a fold's predictions, each knowing its direction."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import did_you_mean

_SINGLE = ("binary", "multiclass")
_MULTI = ("multilabel",)
_ALL = (*_SINGLE, *_MULTI)


@dataclass(frozen=True)
class Metric:
    """What is known about a metric before it is computed.

    Attributes:
        name: in the configuration and in every file.
        greater_is_better: its direction.
        tasks: where it is defined.
        label: shown to people.
    """

    name: str
    greater_is_better: bool
    tasks: tuple[str, ...]
    label: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", True, _SINGLE, "accuracy"),
        Metric("balanced_accuracy", True, _SINGLE, "balanced accuracy"),
        Metric("f1_macro", True, _ALL, "F1 (macro)"),
        Metric("f1_micro", True, _ALL, "F1 (micro)"),
        Metric("f1_weighted", True, _SINGLE, "F1 (weighted)"),
        Metric("mcc", True, _SINGLE, "MCC"),
        Metric("roc_auc", True, _ALL, "ROC AUC"),
        Metric("average_precision", True, _ALL, "average precision"),
        Metric("log_loss", False, _SINGLE, "log loss"),
        Metric("brier", False, _SINGLE, "Brier score"),
        Metric("hamming_loss", False, _MULTI, "Hamming loss"),
        Metric("subset_accuracy", True, _MULTI, "subset accuracy"),
        Metric("lrap", True, _MULTI, "LRAP"),
    )
}

# micro F1 of a single-label task is its accuracy, so the default list leaves it out
_DEFAULT_SINGLE = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "mcc",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
)
_DEFAULT_MULTI = (
    "hamming_loss",
    "subset_accuracy",
    "f1_micro",
    "f1_macro",
    "lrap",
    "roc_auc",
    "average_precision",
)

# what people type, where spelling alone would suggest another metric
_USUAL_NAMES = {
    "acc": "accuracy",
    "ap": "average_precision",
    "auc": "roc_auc",
    "auprc": "average_precision",
    "auroc": "roc_auc",
    "ce": "log_loss",
    "f1": "f1_macro",
    "hamming": "hamming_loss",
    "map": "average_precision",
    "nll": "log_loss",
    "pr_auc": "average_precision",
}


def default_metrics(task: str) -> tuple[str, ...]:
    """Return the metrics reported when none are named; the first leads the tables and picks the epoch."""
    return _DEFAULT_MULTI if task == "multilabel" else _DEFAULT_SINGLE


def check_names(names: Sequence[str], task: str) -> list[str]:
    """Return what is wrong with ``metrics.names`` for this task, one line each; empty when all is well."""
    here = [name for name, metric in METRICS.items() if task in metric.tasks]
    problems = []
    for name in dict.fromkeys(names):
        if name not in METRICS:
            hint = did_you_mean(_USUAL_NAMES.get(name.lower(), name), here)
            problems.append(f"metrics.names: unknown metric '{name}'{hint}")
        elif name not in here:
            problems.append(f"metrics.names: '{name}' is not for a {task} task; have: {', '.join(here)}")
        if list(names).count(name) > 1:
            problems.append(f"metrics.names: '{name}' is listed {list(names).count(name)} times")
    return problems


def score(names: Sequence[str], task: str, target: NDArray[np.int64], proba: NDArray[np.float32]) -> dict[str, float]:
    """Compute metrics with scikit-learn on whole arrays.

    Args:
        names: keys of ``METRICS`` that are defined for the task.
        task: binary, multiclass or multilabel.
        target: (N,) class index; multi-label (N, L) of 0/1.
        proba: (N, C) rows summing to about 1, with C=2 for binary; multi-label (N, L).

    Returns:
        Value by name. NaN where the metric is undefined: no rows, a probability that is not finite, or a
        ranking metric (``roc_auc``, ``average_precision``) of a class that these rows lack.
    """
    if len(target) == 0 or not np.isfinite(proba).all():
        return dict.fromkeys(names, math.nan)
    scorers = _MULTILABEL if task == "multilabel" else _SINGLE_LABEL
    proba64 = as_probabilities(task, proba)
    predicted = predicted_classes(task, proba)
    return {name: float(scorers[name](target, predicted, proba64)) for name in names}


def predicted_classes(task: str, proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return (N,) class indices by argmax (the lower class on a tie), or (N, L) 0/1 labels above 0.5."""
    if task == "multilabel":
        return np.asarray(proba > 0.5, dtype=np.int64)
    return np.asarray(proba.argmax(axis=1), dtype=np.int64)


def as_probabilities(task: str, proba: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the probabilities in float64, rows of a single-label task rescaled to sum to 1."""
    proba64 = np.array(proba, dtype=np.float64)
    if task != "multilabel":
        proba64 /= proba64.sum(axis=1, keepdims=True)
    return proba64


def better(a: float, b: float, greater_is_better: bool) -> bool:
    """Say whether ``a`` beats ``b``: NaN never wins, anything beats NaN, a tie is no win."""
    if math.isnan(a):
        return False
    if math.isnan(b):
        return True
    return a > b if greater_is_better else a < b


def one_hot(target: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Return (N, C) indicators of (N,) class indices."""
    return np.asarray(target[:, None] == np.arange(n_classes), dtype=np.int64)


_Scorer = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], float]


def _f1(average: str) -> _Scorer:
    def scorer(target: NDArray[np.int64], predicted: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
        from sklearn.metrics import f1_score

        # classes in neither target nor prediction are left out of the mean; labels count as 0 there
        return float(f1_score(target, predicted, average=average, zero_division=0.0))

    return scorer


def _accuracy(target: NDArray[np.int64], predicted: NDArray[np.int64], _: NDArray[np.float64]) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, predicted))


def _balanced_accuracy(target: NDArray[np.int64], predicted: NDArray[np.int64], _: NDArray[np.float64]) -> float:
    from sklearn.metrics import recall_score

    # balanced_accuracy_score is this, with a warning where a class is predicted that the rows lack
    return float(recall_score(target, predicted, labels=np.unique(target), average="macro"))


def _mcc(target: NDArray[np.int64], predicted: NDArray[np.int64], _: NDArray[np.float64]) -> float:
    from sklearn.metrics import matthews_corrcoef

    if len(np.union1d(target, predicted)) < 2:
        return 0.0  # scikit-learn's value, without its warning
    return float(matthews_corrcoef(target, predicted))


def _log_loss(target: NDArray[np.int64], _: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(target, proba, labels=np.arange(proba.shape[1])))


def _brier(target: NDArray[np.int64], _: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
    from sklearn.metrics import brier_score_loss

    # scikit-learn's scale: 0..1 for two classes, 0..2 for more
    if proba.shape[1] == 2:
        return float(brier_score_loss(target, proba[:, 1], pos_label=1, labels=np.arange(2)))
    return float(brier_score_loss(target, proba, labels=np.arange(proba.shape[1])))


def _hamming_loss(target: NDArray[np.int64], predicted: NDArray[np.int64], _: NDArray[np.float64]) -> float:
    from sklearn.metrics import hamming_loss

    return float(hamming_loss(target, predicted))


def _lrap(target: NDArray[np.int64], _: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
    from sklearn.metrics import label_ranking_average_precision_score

    return float(label_ranking_average_precision_score(target, proba))


def ranked_columns(
    target: NDArray[np.int64], proba: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what ranking metrics rank: 0/1 columns and their scores, both (N, K).

    Two classes give one column (the positive class), more give one per class (one against the rest), labels
    are columns already.
    """
    if target.ndim == 2:
        return target, proba
    if proba.shape[1] == 2:
        return target[:, None], proba[:, 1:]
    return one_hot(target, proba.shape[1]), proba


def _roc_auc(target: NDArray[np.int64], _: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    truth_NK, scores_NK = ranked_columns(target, proba)
    positives_K = truth_NK.sum(axis=0)
    if not ((positives_K > 0) & (positives_K < len(truth_NK))).all():
        return math.nan
    return float(roc_auc_score(truth_NK, scores_NK, average="macro"))


def _average_precision(target: NDArray[np.int64], _: NDArray[np.int64], proba: NDArray[np.float64]) -> float:
    from sklearn.metrics import average_precision_score

    truth_NK, scores_NK = ranked_columns(target, proba)
    if not (truth_NK.sum(axis=0) > 0).all():
        return math.nan
    return float(average_precision_score(truth_NK, scores_NK, average="macro"))


_SINGLE_LABEL: dict[str, _Scorer] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1("macro"),
    "f1_micro": _f1("micro"),
    "f1_weighted": _f1("weighted"),
    "mcc": _mcc,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "brier": _brier,
}
_MULTILABEL: dict[str, _Scorer] = {
    "hamming_loss": _hamming_loss,
    "subset_accuracy": _accuracy,
    "f1_micro": _f1("micro"),
    "f1_macro": _f1("macro"),
    "lrap": _lrap,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
}
