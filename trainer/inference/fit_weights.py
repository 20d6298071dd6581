"""Weights of a blend, fitted on held-out rows: (K, M, C) predictions of K runs, M rows of all repeats."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, did_you_mean
from trainer.inference.combine import Combination, Curve, features
from trainer.inference.level_two import FittedColumns, RowColumns, encoded, fit_columns
from trainer.inference.log_scores import as_proba, row_losses
from trainer.metrics.find import metric_named
from trainer.metrics.scores import better
from trainer.metrics.weighted import weighted_metrics
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
Counts = tuple[int, ...]  # how often each run is added

BAGS = 10
MOST_STEPS = 25  # runs that are added, one after the other
PATIENCE = 3  # steps without a gain after which no more are added
MOST_KNOTS = 1001  # of a distribution that is kept
LARGEST_WEIGHT = 50.0  # where the rows are separated the best weight has no end
UNSEEN = -30.0  # log odds of a class that no row has


@dataclass(frozen=True)
class Rows:
    """The rows that weights are fitted on.

    Attributes:
        task: what is predicted.
        target: (M,) class index or number, or (M, L).
        proba_KMC: of each run.
        scores_KMC: the same as ``log_scores``.
        unit_M: number of the row, or of its group: what a bootstrap draws.
        columns: of the rows themselves, for ``stack``; or None.
    """

    task: Task
    target: Target
    proba_KMC: Floats
    scores_KMC: Floats
    unit_M: NDArray[np.int64]
    columns: RowColumns | None = None

    def only(self, rows_M: NDArray[np.bool_]) -> "Rows":
        """Return some of them."""
        proba, scores = self.proba_KMC[:, rows_M], self.scores_KMC[:, rows_M]
        columns = None if self.columns is None else self.columns.only(rows_M)
        return Rows(self.task, self.target[rows_M], proba, scores, self.unit_M[rows_M], columns)


def fit(method: str, rows: Rows, metric: str, seed: int = 0) -> Combination:
    """Fit the weights of a method.

    Args:
        method: a key of ``METHODS``.
        rows: to be fitted on.
        metric: that greedy selection goes by, by name.
        seed: of the bags.
    """
    return METHODS[method](rows, metric, seed)


def require_method(method: str, task: Task, *, features: bool = False) -> None:
    """Refuse a method that is not known, or not for the task, or does not take columns of the rows.

    Raises:
        ConfigError: names those there are.
    """
    if method not in METHODS:
        raise ConfigError(f"--method {method}: no such method{did_you_mean(method, list(METHODS))}")
    if features and method != "stack":
        raise ConfigError(f"--features are for --method stack: --method {method} weighs the runs alone")
    if method == "stack" and not task.has_classes:
        raise ConfigError("--method stack is a logistic regression, for classes: numbers have --method nonnegative")


def _equal(n_runs: int) -> tuple[float, ...]:
    return (1 / n_runs,) * n_runs


def _fit_mean(rows: Rows, metric: str, seed: int) -> Combination:
    return Combination("mean", _equal(len(rows.proba_KMC)))


def _fit_rank(rows: Rows, metric: str, seed: int) -> Combination:
    curves = tuple(tuple(_curve(column_M) for column_M in run_MC.T) for run_MC in rows.proba_KMC)
    return Combination("rank", _equal(len(curves)), curves=curves)


def _curve(values_M: Floats) -> Curve:
    """Return the distribution of values; equal ones share the middle of their ranks, so that it has an inverse."""
    share_Q = np.linspace(0, 1, min(MOST_KNOTS, len(values_M)))
    knots_Q = np.quantile(values_M, share_Q)
    values_U, first_U, counts_U = np.unique(knots_Q, return_index=True, return_counts=True)
    middle_U = (share_Q[first_U] + share_Q[first_U + counts_U - 1]) / 2
    return tuple(values_U.tolist()), tuple(middle_U.tolist())


# --- greedy selection ---


def _fit_greedy(rows: Rows, metric: str, seed: int) -> Combination:
    """Add the run that helps most, again and again, with replacement (Caruana et al., "Ensemble selection", 2004).

    The weights are the mean over bags. These are bootstrap samples of rows (or groups), where the paper bags the models
    of a large library: of a handful of runs, a bag would often lack the good ones.
    """
    rng = np.random.default_rng(seed)
    units, place_M = np.unique(rows.unit_M, return_inverse=True)
    drawn_UB = [np.bincount(rng.integers(len(units), size=len(units)), minlength=len(units)) for _ in range(BAGS)]
    weights_MB = np.stack(drawn_UB, axis=1)[place_M].astype(np.float64)
    counts_KB = select(rows, metric, weights_MB)
    return Combination("greedy", tuple((counts_KB / counts_KB.sum(axis=0)).mean(axis=1).tolist()))


def select(rows: Rows, metric: str, weights_MB: Floats) -> Floats:
    """Return (K, B) how often each run is added where the rows count as each column says.

    Args:
        rows: to be scored on.
        metric: by name.
        weights_MB: one weighting of the rows per column.
    """

    @cache  # the bags go through much the same sums
    def values_B(counts: Counts) -> Floats:
        proba_MC: NDArray[Any] = np.tensordot(np.array(counts) / sum(counts), rows.proba_KMC, axes=1)
        return weighted_metrics([metric], rows.task, rows.target, proba_MC)[metric](weights_MB)

    greater, n_runs = metric_named(metric).greater_is_better, len(rows.proba_KMC)
    paths = [_path(n_runs, partial(_at, values_B, bag), greater) for bag in range(weights_MB.shape[1])]
    return np.array(paths, dtype=np.float64).T


def _at(values_B: Callable[[Counts], Floats], bag: int, counts: Counts) -> float:
    return float(values_B(counts)[bag])


def _path(n_runs: int, value: Callable[[Counts], float], greater_is_better: bool) -> Counts:
    """Return how often each run is added: the fewest that reach the best score, the first run on a tie."""
    counts, best_counts = (0,) * n_runs, (1,) * n_runs  # all alike where the metric is never defined
    best, still = math.nan, 0
    for _ in range(MOST_STEPS):
        options = [tuple(n + (place == other) for other, n in enumerate(counts)) for place in range(n_runs)]
        counts, found = options[0], value(options[0])
        for option in options[1:]:
            if _gains(value(option), found, greater_is_better):
                counts, found = option, value(option)
        if _gains(found, best, greater_is_better):
            best, best_counts, still = found, counts, 0
        else:
            still += 1
        if still == PATIENCE:
            break
    return best_counts


def _gains(value: float, best: float, greater_is_better: bool) -> bool:
    return better(value, best, greater_is_better) and not math.isclose(value, best, rel_tol=1e-12)


# --- non-negative weights ---


def _fit_nonnegative(rows: Rows, metric: str, seed: int) -> Combination:
    """Weigh log probabilities (labels: log odds) by w >= 0 that minimise the log loss; numbers by least squares.

    Their sum is the ``scale``: above 1 the runs are less sure together than they should be. Of numbers these are the
    stacked regressions of Breiman (1996).
    """
    weights_K = _least_squares(rows) if not rows.task.has_classes else _least_log_loss(rows)
    total = float(weights_K.sum())
    shares = weights_K / total if total > 0 else np.full(len(weights_K), 1 / len(weights_K))
    return Combination("nonnegative", tuple(shares.tolist()), scale=total)


def _least_squares(rows: Rows) -> Floats:
    from scipy.optimize import nnls

    return np.asarray(nnls(rows.proba_KMC[:, :, 0].T, rows.target)[0])


def _least_log_loss(rows: Rows) -> Floats:
    from scipy.optimize import minimize

    truth_MC = rows.task.indicators(rows.target, rows.scores_KMC.shape[2])
    n_runs, n_cells = len(rows.scores_KMC), truth_MC.size if rows.task.several_labels else len(truth_MC)

    def loss(weights_K: Floats) -> tuple[float, Floats]:
        scores_MC = np.tensordot(weights_K, rows.scores_KMC, axes=1)
        gap_MC = as_proba(rows.task, scores_MC) - truth_MC
        slope_K = np.tensordot(rows.scores_KMC, gap_MC, axes=([1, 2], [0, 1])) / n_cells
        return float(row_losses(rows.task, rows.target, scores_MC).mean()), np.asarray(slope_K)

    bounds = [(0.0, LARGEST_WEIGHT)] * n_runs
    return np.asarray(minimize(loss, np.full(n_runs, 1 / n_runs), jac=True, method="L-BFGS-B", bounds=bounds).x)


# --- stacking ---


def _fit_stack(rows: Rows, metric: str, seed: int) -> Combination:
    """Fit a logistic regression (L2, C = 1, standardised) on what the runs say (Wolpert 1992; Ting, Witten 1999).

    Columns of the rows themselves stand beside it where they are given.
    """
    features_KMD = features(rows.task, rows.scores_KMC)
    n_runs, n_rows, n_features = features_KMD.shape
    fitted = None if rows.columns is None else fit_columns(rows.columns.table)
    own_MW = np.empty((n_rows, 0)) if rows.columns is None or fitted is None else encoded(fitted, rows.columns.table)
    if rows.task.several_labels:
        fits = [
            _logistic(np.hstack([features_KMD[:, :, i].T, own_MW]), rows.target[:, i], 2) for i in range(n_features)
        ]
        shape = (n_features, n_runs, 1)
    else:
        table_MF = np.moveaxis(features_KMD, 0, 1).reshape(n_rows, -1)
        fits = [_logistic(np.hstack([table_MF, own_MW]), rows.target, rows.scores_KMC.shape[2])]
        shape = (-1, n_runs, n_features)
    found_CF = np.concatenate([one for one, _ in fits])
    coefficients, own_CW = found_CF[:, : shape[1] * shape[2]].reshape(shape), found_CF[:, shape[1] * shape[2] :]
    intercepts = np.concatenate([one for _, one in fits])
    size_K = np.abs(coefficients).sum(axis=(0, 2))
    shares = size_K / size_K.sum() if size_K.sum() > 0 else np.full(n_runs, 1 / n_runs)
    nested = tuple(tuple(map(tuple, one)) for one in coefficients.tolist())
    columns = None
    if rows.columns is not None and fitted is not None:
        columns = FittedColumns(rows.columns.member, fitted, tuple(map(tuple, own_CW.tolist())))
    return Combination(
        "stack",
        tuple(shares.tolist()),
        coefficients=nested,
        intercepts=tuple(intercepts.tolist()),
        columns=columns,
    )


def _logistic(table_MF: Floats, target_M: NDArray[np.int64], n_classes: int) -> tuple[Floats, Floats]:
    """Return coefficients (C, F) and intercepts (C,), of two classes (1, F) and (1,); one without rows is unlikely."""
    from sklearn.linear_model import LogisticRegression

    n_outputs = 1 if n_classes == 2 else n_classes
    there = np.unique(target_M)
    if len(there) == 1:
        certain = -UNSEEN if n_outputs == 1 and there[0] == 1 else UNSEEN
        intercepts = np.full(n_outputs, certain)
        if n_outputs > 1:
            intercepts[there] = 0
        return np.zeros((n_outputs, table_MF.shape[1])), intercepts
    spread_F = table_MF.std(axis=0)
    spread_F[spread_F == 0] = 1
    model = LogisticRegression(C=1.0, max_iter=2000).fit(table_MF / spread_F, target_M)
    found_CF, found_C = model.coef_ / spread_F, model.intercept_
    if n_outputs == 1:
        return found_CF, found_C
    if len(there) == 2:  # of more classes: scikit-learn fits one output, of the second of them
        found_CF, found_C = np.vstack([-found_CF / 2, found_CF / 2]), np.hstack([-found_C / 2, found_C / 2])
    coefficients, intercepts = np.zeros((n_classes, table_MF.shape[1])), np.full(n_classes, UNSEEN)
    coefficients[there], intercepts[there] = found_CF, found_C
    return coefficients, intercepts


METHODS: dict[str, Callable[[Rows, str, int], Combination]] = {
    "mean": _fit_mean,
    "rank": _fit_rank,
    "greedy": _fit_greedy,
    "nonnegative": _fit_nonnegative,
    "stack": _fit_stack,
}
