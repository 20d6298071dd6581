"""Probabilities made as often right as they say: temperature, Platt, isotonic and vector scaling, fitted in float64.

Scores are log probabilities (N, C), or log odds (N, L) of labels, taken from the logits where a run has them
(``log_scores``): float32 probabilities near 1 have lost what a temperature is fitted on.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp

from trainer.errors import ConfigError, did_you_mean
from trainer.inference.log_scores import as_proba, log_odds, row_losses, summing_to_one
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
Numbers = tuple[float, ...]

COLDEST, HOTTEST = 1e-2, 1e2  # where rows are separated the best temperature is 0
LARGEST = 100.0  # of a slope or intercept, for the same reason


@dataclass(frozen=True)
class Calibration:
    """What was fitted.

    Attributes:
        method: ``temperature``, ``platt``, ``isotonic`` or ``vector``.
        slopes: (C,); of a temperature its inverse; of Platt's scaling one per class (two classes: one).
        intercepts: (C,) likewise; none of a temperature.
        curves: of isotonic regression, by class: probabilities, and what they are mapped to.
    """

    method: str
    slopes: Numbers = ()
    intercepts: Numbers = ()
    curves: tuple[tuple[Numbers, Numbers], ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)

    @property
    def line(self) -> str:
        """What was fitted, in words."""
        if self.method == "temperature":
            found = 1 / self.slopes[0]
            at_bound = not COLDEST * 1.01 < found < HOTTEST * 0.99
            return f"temperature {found:.4g}{' (at its bound: the rows are separated)' if at_bound else ''}"
        return f"{self.method} scaling" if self.method != "isotonic" else "isotonic regression"


def calibration_from(values: Mapping[str, Any]) -> Calibration:
    """Return what ``to_plain`` wrote and JSON has read back."""
    curves = tuple((tuple(one), tuple(two)) for one, two in values["curves"])
    return Calibration(values["method"], tuple(values["slopes"]), tuple(values["intercepts"]), curves)


def require_calibration(method: str, task: Task) -> None:
    """Refuse a method that is not known, or not for the task.

    Raises:
        ConfigError: names those there are.
    """
    if not task.has_classes:
        raise ConfigError("--calibrate is for probabilities: numbers have intervals, --coverage 0.9")
    if method not in METHODS:
        raise ConfigError(f"--calibrate {method}: no such method{did_you_mean(method, list(METHODS))}")
    if method == "vector" and task.several_labels:
        raise ConfigError("--calibrate vector is for classes: use platt, which has a slope and an intercept per label")


def fit_calibration(method: str, task: Task, target: Target, scores_NC: Floats) -> Calibration:
    """Fit a method on rows."""
    return METHODS[method](task, target, scores_NC)


def calibrated(fitted: Calibration, task: Task, scores_NC: Floats) -> Floats:
    """Return (N, C) calibrated probabilities of classes, or of labels."""
    if fitted.method in ("temperature", "vector"):
        offsets = np.asarray(fitted.intercepts) if fitted.intercepts else 0.0
        return as_proba(task, scores_NC * np.asarray(fitted.slopes) + offsets)
    odds_NK = columns_of(task, scores_NC)
    if fitted.method == "platt":
        proba_NK = expit(odds_NK * np.asarray(fitted.slopes) + np.asarray(fitted.intercepts))
    else:
        proba_NK = np.stack([np.interp(expit(o), *c) for o, c in zip(odds_NK.T, fitted.curves, strict=True)], axis=1)
    return _together(task, np.asarray(proba_NK))


def columns_of(task: Task, scores_NC: Floats) -> Floats:
    """Return (N, K) log odds: of the labels, of the second of two classes, of each class against the rest."""
    if task.several_labels:
        return scores_NC
    if scores_NC.shape[1] == 2:
        return log_odds(scores_NC)
    rest = [logsumexp(np.delete(scores_NC, one, axis=1), axis=1) for one in range(scores_NC.shape[1])]
    return np.asarray(scores_NC - np.stack(rest, axis=1))


def _together(task: Task, proba_NK: Floats) -> Floats:
    """Return (N, C) of what each column says by itself, summing to 1; all alike where every column says 0."""
    if task.several_labels:
        return proba_NK
    if proba_NK.shape[1] == 1:
        return np.hstack([1 - proba_NK, proba_NK])
    return summing_to_one(proba_NK)


def _truth(task: Task, target: Target, n_classes: int) -> Floats:
    """Return (N, K) of 0 and 1 for the columns of ``columns_of``."""
    truth = task.indicators(target, n_classes).astype(np.float64)
    return truth[:, 1:] if n_classes == 2 and not task.several_labels else truth


def _temperature(task: Task, target: Target, scores_NC: Floats) -> Calibration:
    """Divide all by one number of least log loss (Guo et al., "On calibration of modern neural networks", 2017)."""
    from scipy.optimize import minimize_scalar

    def loss(log_inverse: float) -> float:
        return float(row_losses(task, target, scores_NC * np.exp(log_inverse)).mean())

    bounds = (-np.log(HOTTEST), -np.log(COLDEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    best = bounds[1] if loss(bounds[1]) <= found.fun else float(found.x)  # flat where the rows are separated
    return Calibration("temperature", slopes=(float(np.exp(best)),))


def _platt(task: Task, target: Target, scores_NC: Floats) -> Calibration:
    """Fit a sigmoid per class to targets a little inside 0 and 1 (Platt 1999), one against the rest."""
    odds_NK, truth_NK = columns_of(task, scores_NC), _truth(task, target, scores_NC.shape[1])
    fits = [_sigmoid(odds_N, truth_N) for odds_N, truth_N in zip(odds_NK.T, truth_NK.T, strict=True)]
    return Calibration("platt", tuple(a for a, _ in fits), tuple(b for _, b in fits))


def _sigmoid(odds_N: Floats, truth_N: Floats) -> tuple[float, float]:
    n_yes = float(truth_N.sum())
    n_no = len(truth_N) - n_yes
    wanted_N = np.where(truth_N > 0, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))

    def loss(ab: Floats) -> tuple[float, Floats]:
        moved = ab[0] * odds_N + ab[1]
        gap = expit(moved) - wanted_N
        value = -(wanted_N * log_expit(moved) + (1 - wanted_N) * log_expit(-moved)).mean()
        return float(value), np.array([(gap * odds_N).mean(), gap.mean()])

    slope, intercept = _minimum(loss, np.array([1.0, 0.0]))
    return float(slope), float(intercept)


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    from scipy.optimize import minimize

    bounds = [(-LARGEST, LARGEST)] * len(start)
    options = {"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9}
    found: Any = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)  # type: ignore[call-overload]
    return np.asarray(found.x)


def _isotonic(task: Task, target: Target, scores_NC: Floats) -> Calibration:
    """Fit a rising step function per class, one against the rest (Zadrozny, Elkan 2002), by scikit-learn."""
    from sklearn.isotonic import IsotonicRegression

    odds_NK, truth_NK = columns_of(task, scores_NC), _truth(task, target, scores_NC.shape[1])
    curves = list[tuple[Numbers, Numbers]]()
    for odds_N, truth_N in zip(odds_NK.T, truth_NK.T, strict=True):
        found = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(expit(odds_N), truth_N)
        curves.append((tuple(found.X_thresholds_.tolist()), tuple(found.y_thresholds_.tolist())))
    return Calibration("isotonic", curves=tuple(curves))


def _vector(task: Task, target: Target, scores_NC: Floats) -> Calibration:
    """Scale and shift each class's log probability (Guo et al. 2017); of two classes this is beta calibration."""
    n_rows, n_classes = scores_NC.shape
    truth_NC = task.indicators(target, n_classes)

    def loss(values: Floats) -> tuple[float, Floats]:
        moved = scores_NC * values[:n_classes] + values[n_classes:]
        gap_NC = as_proba(task, moved) - truth_NC
        slope = np.concatenate([(gap_NC * scores_NC).sum(axis=0), gap_NC.sum(axis=0)]) / n_rows
        return float(row_losses(task, target, moved).mean()), slope

    found = _minimum(loss, np.concatenate([np.ones(n_classes), np.zeros(n_classes)]))
    return Calibration("vector", tuple(found[:n_classes].tolist()), tuple(found[n_classes:].tolist()))


METHODS: dict[str, Callable[[Task, Target, Floats], Calibration]] = {
    "temperature": _temperature,
    "platt": _platt,
    "isotonic": _isotonic,
    "vector": _vector,
}
