"""How the predictions of several runs become one: weights that were fitted, applied to any rows.

K runs predict (K, N, C); what was fitted on some rows is plain values, which blend.json keeps.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import TableColumns
from trainer.inference.level_two import FittedColumns, columns_from_plain, encoded
from trainer.inference.log_scores import as_proba, log_odds, log_scores, summing_to_one
from trainer.tasks import Task

Floats = NDArray[np.float64]
Curve = tuple[tuple[float, ...], tuple[float, ...]]  # values, ascending, and the share of rows up to each


@dataclass(frozen=True)
class Combination:
    """What a method has fitted.

    Attributes:
        method: ``mean``, ``rank``, ``greedy``, ``nonnegative`` or ``stack``.
        weights: of each run; they sum to 1. Under ``stack`` its share of all coefficients.
        scale: what the weighted sum of log probabilities is multiplied by (``nonnegative``).
        curves: by run and column, the distribution of its predictions (``rank``).
        coefficients: (outputs, K, features of a run) (``stack``).
        intercepts: (outputs,) (``stack``).
        columns: of the rows themselves, beside what the runs say (``stack``); or None.
    """

    method: str
    weights: tuple[float, ...]
    scale: float = 1.0
    curves: tuple[tuple[Curve, ...], ...] = ()
    coefficients: tuple[tuple[tuple[float, ...], ...], ...] = ()
    intercepts: tuple[float, ...] = ()
    columns: FittedColumns | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        plain = asdict(replace(self, columns=None))
        return plain if self.columns is None else {**plain, "columns": self.columns.to_plain()}


def from_plain(values: Mapping[str, Any]) -> Combination:
    """Return what ``to_plain`` wrote and JSON has read back."""
    columns = values.get("columns")
    fitted = Combination(**{key: _tuples(value) for key, value in values.items() if key != "columns"})
    return fitted if columns is None else replace(fitted, columns=columns_from_plain(columns))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def combine(
    fitted: Combination,
    task: Task,
    proba_KNC: Floats,
    scores_KNC: Floats | None = None,
    table: TableColumns | None = None,
) -> Floats:
    """Return (N, C) probabilities, of labels (N, L), or (N, 1) numbers.

    Args:
        fitted: what says how.
        task: what is predicted.
        proba_KNC: of each run.
        scores_KNC: the same as ``log_scores``, where logits gave them more exactly.
        table: the columns of the rows, where they were fitted on too.
    """
    weights_K = np.asarray(fitted.weights)
    if fitted.method in ("mean", "greedy"):
        return _weighted(weights_K, proba_KNC)
    if fitted.method == "rank":
        return _rank_mean(fitted, task, proba_KNC)
    scores = log_scores(task, proba_KNC) if scores_KNC is None else scores_KNC
    if fitted.method == "nonnegative":
        return as_proba(task, fitted.scale * _weighted(weights_K, scores))
    return _stacked(fitted, task, scores, table)


def _weighted(weights_K: Floats, values_KNC: Floats) -> Floats:
    """Return the weighted mean, exactly the values themselves where those that count are all the same."""
    counted_K = weights_K > 0
    values, weights = values_KNC[counted_K], weights_K[counted_K]
    if not len(values):
        return np.zeros(values_KNC.shape[1:])
    first = values[0]
    return np.asarray(first + np.tensordot(weights, values - first, axes=1) / weights.sum())


def _rank_mean(fitted: Combination, task: Task, proba_KNC: Floats) -> Floats:
    """Return, of each column, the mean rank put back on the scale of the predictions.

    A prediction becomes its rank among those that were fitted on; the mean rank becomes a prediction by the runs' mean
    quantile function, so that what runs agree on comes out as it was.
    """
    columns = []
    for column in range(proba_KNC.shape[2]):
        curves = [run[column] for run in fitted.curves]
        ranks_KN = np.stack(
            [np.interp(proba_N, *one) for proba_N, one in zip(proba_KNC[:, :, column], curves, strict=True)]
        )
        rank_N = _weighted(np.asarray(fitted.weights), ranks_KN)
        back_KN = np.stack([np.interp(rank_N, share, values) for values, share in curves])
        columns.append(_weighted(np.asarray(fitted.weights), back_KN))
    blended = np.stack(columns, axis=1)
    return summing_to_one(blended) if task.one_class_each else blended


def features(task: Task, scores_KNC: Floats) -> Floats:
    """Return (K, N, D) what stacking sees of each run: log odds, of more classes their centred log probabilities."""
    if task.several_labels:
        return scores_KNC
    if scores_KNC.shape[2] == 2:
        return log_odds(scores_KNC)
    return np.asarray(scores_KNC - scores_KNC.mean(axis=2, keepdims=True))


def _stacked(fitted: Combination, task: Task, scores_KNC: Floats, table: TableColumns | None) -> Floats:
    features_KND = features(task, scores_KNC)
    coefficients, intercepts = np.asarray(fitted.coefficients), np.asarray(fitted.intercepts)
    if fitted.columns is not None:
        assert table is not None
        own_NW = encoded(fitted.columns.fitted, table)
        intercepts = intercepts + own_NW @ np.asarray(fitted.columns.coefficients).T  # (N, outputs) from here
    if task.several_labels:
        return as_proba(task, np.einsum("lk,knl->nl", coefficients[:, :, 0], features_KND) + intercepts)
    logits = np.einsum("ckd,knd->nc", coefficients, features_KND) + intercepts
    return as_proba(task, np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits)
