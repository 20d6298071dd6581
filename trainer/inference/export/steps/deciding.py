"""From what the folds say to labels: their mean, calibration, thresholds or costs, sets and intervals that cover."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.conformal import Conformal
from trainer.inference.export.steps.combining import combined
from trainer.inference.export.steps.proba_scores import (
    Floats,
    log_scores,
    log_sum,
    rescaled,
    sigmoid,
    softmax,
    summing_to_one,
)

Runs = Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]  # inputs of B rows -> what each fold says (K, B, C)


@dataclass(frozen=True)
class Decided:
    """What is said of B rows.

    Attributes:
        proba_BC: probabilities, or numbers (B, 1).
        spread_B: standard deviation between the folds; the largest over classes or labels.
        entropy_B: in nats, of several labels their sum; None of numbers.
        labels: (B,) class index, or (B, L) of 0/1; of numbers None.
        cover: (B, C) which classes are in the set of a row, or (B, 2) the ends of its interval, or None.
    """

    proba_BC: Floats
    spread_B: Floats
    entropy_B: Floats | None
    labels: NDArray[np.int64] | None
    cover: NDArray[Any] | None


def decided(proba_KBC: NDArray[Any], facts: Mapping[str, Any], *, raw: bool = False) -> Decided:
    """Return the mean of the folds, or the blend of the runs, and what is decided by it.

    Args:
        proba_KBC: what each fold, or run, says.
        facts: of model.json: ``task``, ``folds``, ``decision`` and of a blend ``combination``.
        raw: the likeliest class, whatever was decided.
    """
    task, decision = facts["task"], {} if raw else facts["decision"] or {}
    proba_KBC = proba_KBC.astype(np.float64)
    proba_BC, spread_B = mean_of(proba_KBC, facts), proba_KBC.std(axis=0).max(axis=1)
    cover = _cover(proba_KBC, task, facts["folds"], decision.get("conformal"))
    if not task["has_classes"]:
        return Decided(proba_BC, spread_B, None, None, cover)
    scores_BC = log_scores(proba_BC, task)
    if decision.get("calibration"):
        proba_BC = calibrated(decision["calibration"], scores_BC, task)
        scores_BC = log_scores(proba_BC, task)
    labels = _labels(proba_BC, scores_BC, task, decision)
    return Decided(proba_BC, spread_B, _entropy(proba_BC, task), labels, cover)


def mean_of(proba_KBC: Floats, facts: Mapping[str, Any]) -> Floats:
    """Return (B, C) the mean of the folds, or what the runs of a blend say together."""
    if facts.get("combination"):
        return combined(facts["combination"], facts["task"], proba_KBC)
    return rescaled(proba_KBC.mean(axis=0), facts["task"])


def calibrated(fitted: Mapping[str, Any], scores_BC: Floats, task: Mapping[str, Any]) -> Floats:
    """Return calibrated probabilities (B, C)."""
    slopes, intercepts = np.asarray(fitted["slopes"]), np.asarray(fitted["intercepts"] or 0.0)
    if fitted["method"] in ("temperature", "vector"):
        moved = scores_BC * slopes + intercepts
        return sigmoid(moved) if task["several_labels"] else softmax(moved)
    odds_BK = _columns(scores_BC, task)
    if fitted["method"] == "platt":
        proba_BK = sigmoid(odds_BK * slopes + intercepts)
    else:
        pairs = zip(sigmoid(odds_BK).T, fitted["curves"], strict=True)
        proba_BK = np.stack([np.interp(values, *curve) for values, curve in pairs], axis=1)
    if task["several_labels"]:
        return proba_BK
    return np.hstack([1 - proba_BK, proba_BK]) if proba_BK.shape[1] == 1 else summing_to_one(proba_BK)


def _columns(scores_BC: Floats, task: Mapping[str, Any]) -> Floats:
    """Return (B, K) log odds: of labels, of the second of two classes, of each class against the rest."""
    if task["several_labels"]:
        return scores_BC
    if scores_BC.shape[1] == 2:
        return scores_BC[:, 1:] - scores_BC[:, :1]
    rest = [log_sum(np.delete(scores_BC, one, axis=1)) for one in range(scores_BC.shape[1])]
    return np.asarray(scores_BC - np.stack(rest, axis=1))


def _labels(
    proba_BC: Floats, scores_BC: Floats, task: Mapping[str, Any], decision: Mapping[str, Any]
) -> NDArray[np.int64]:
    if decision.get("cost"):
        return np.asarray((proba_BC @ np.asarray(decision["cost"])).argmin(axis=1), dtype=np.int64)
    if decision.get("offsets"):
        moved = scores_BC + np.asarray(decision["offsets"])
        return np.asarray(moved > 0 if task["several_labels"] else moved.argmax(axis=1), dtype=np.int64)
    return np.asarray(proba_BC > 0.5 if task["several_labels"] else proba_BC.argmax(axis=1), dtype=np.int64)


def _cover(
    proba_KBC: Floats, task: Mapping[str, Any], folds: Sequence[str], fitted: Mapping[str, Any] | None
) -> NDArray[Any] | None:
    if not fitted:
        return None
    conformal = Conformal(fitted["coverage"], tuple(map(tuple, fitted["scores"])))
    places = [folds.index(str(fold)) for fold in range(len(conformal.scores))]
    of_folds = np.stack([rescaled(proba_KBC[place], task) for place in places])
    return conformal.sets(of_folds) if task["has_classes"] else conformal.intervals(of_folds[:, :, 0])


def _entropy(proba_BC: Floats, task: Mapping[str, Any]) -> Floats:
    found = _minus_p_log_p(proba_BC).sum(axis=1)
    return np.asarray(found + _minus_p_log_p(1 - proba_BC).sum(axis=1) if task["several_labels"] else found)


def _minus_p_log_p(proba: Floats) -> Floats:
    safe = np.where(proba > 0, proba, 1.0)
    return np.asarray(-safe * np.log(safe))
