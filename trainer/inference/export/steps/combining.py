"""What several runs say, put together by what a blend has fitted (model.json); on numpy alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.inference.export.steps.proba_scores import Floats, as_proba, log_scores, one_class_each, summing_to_one


def combined(fitted: Mapping[str, Any], task: Mapping[str, Any], proba_KBC: Floats) -> Floats:
    """Return (B, C) what a blend says.

    Args:
        fitted: ``method``, ``weights`` and what else it needs.
        task: what is predicted.
        proba_KBC: what each run says.
    """
    weights_K, method = np.asarray(fitted["weights"]), fitted["method"]
    if method in ("mean", "greedy"):
        return _weighted(weights_K, proba_KBC)
    if method == "rank":
        return _rank_mean(fitted["curves"], weights_K, task, proba_KBC)
    scores_KBC = log_scores(proba_KBC, task)
    if method == "nonnegative":
        return as_proba(fitted["scale"] * _weighted(weights_K, scores_KBC), task)
    return _stacked(np.asarray(fitted["coefficients"]), np.asarray(fitted["intercepts"]), task, scores_KBC)


def _weighted(weights_K: Floats, values_KBC: Floats) -> Floats:
    """Return the weighted mean, exactly the values themselves where those that count are all the same."""
    weights, values = weights_K[weights_K > 0], values_KBC[weights_K > 0]
    if not len(values):
        return np.zeros(values_KBC.shape[1:])
    first = values[0]
    return np.asarray(first + np.tensordot(weights, values - first, axes=1) / weights.sum())


def _rank_mean(curves: Any, weights_K: Floats, task: Mapping[str, Any], proba_KBC: Floats) -> Floats:
    """Return the mean rank of each column, put back on the scale of the predictions."""
    columns = []
    for column in range(proba_KBC.shape[2]):
        of_column = [run[column] for run in curves]  # values, ascending, and the share of rows up to each
        pairs = zip(proba_KBC[:, :, column], of_column, strict=True)
        rank_B = _weighted(weights_K, np.stack([np.interp(proba_B, *curve) for proba_B, curve in pairs]))
        back_KB = np.stack([np.interp(rank_B, share, values) for values, share in of_column])
        columns.append(_weighted(weights_K, back_KB))
    blended_BC = np.stack(columns, axis=1)
    return summing_to_one(blended_BC) if one_class_each(task) else blended_BC


def _stacked(coefficients: Any, intercepts: Any, task: Mapping[str, Any], scores_KBC: Floats) -> Floats:
    if task["several_labels"]:
        return as_proba(np.einsum("lk,kbl->bl", coefficients[:, :, 0], scores_KBC) + intercepts, task)
    if scores_KBC.shape[2] == 2:
        features_KBD = scores_KBC[..., 1:] - scores_KBC[..., :1]
    else:
        features_KBD = scores_KBC - scores_KBC.mean(axis=2, keepdims=True)
    logits = np.einsum("ckd,kbd->bc", coefficients, features_KBD) + intercepts
    return as_proba(np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits, task)
