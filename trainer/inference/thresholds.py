"""The best thresholds on some rows, found by sorting the scores: every threshold that predicts otherwise is tried.

A threshold is an offset that is added to a class's log probability (a label's log odds) before the greatest is taken
(before it is compared with 0). One search costs O(N log N) per class. For two classes the result is the best there is.
Of labels it is so for what is a mean over labels, and for micro F1: where no single threshold improves it, none do
together (with F the value, each label then has the greatest 2 hits - F x predicted: Dinkelbach's condition). The
classes of several take turns until none gains, which ends in a best that may be local.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trainer.inference.objectives import Objective
from trainer.metrics.scores import better
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
Counts = tuple[Floats, Floats, Floats]  # hits, true rows, predicted rows

MOST_ROUNDS = 20
BEYOND = 1.0  # log odds beyond the last score, where all rows or none are predicted


def find_offsets(objective: Objective, task: Task, target: Target, scores_NC: Floats) -> Floats | None:
    """Return (C,) offsets that are best on these rows; None where what is asked for is never reached.

    Args:
        objective: what they are for.
        task: what is predicted.
        target: (N,) class index, or (N, L).
        scores_NC: log probabilities, of labels log odds.
    """
    if task.several_labels:
        return _of_labels(objective, target, scores_NC)
    if scores_NC.shape[1] == 2:
        gap_N = scores_NC[:, 1] - scores_NC[:, 0]
        counts = _counts_of_class(1, target, np.zeros_like(target), gap_N, 2)
        found = _best(objective, counts, gap_N, multi_label=False)
        return None if found is None else np.array([0.0, found[0]])
    return _of_classes(objective, target, scores_NC)


def decide(task: Task, scores_NC: Floats, offsets_C: Floats) -> Target:
    """Return the predicted classes (N,) or labels (N, L)."""
    moved = scores_NC + offsets_C
    return np.asarray(moved > 0 if task.several_labels else moved.argmax(axis=1), dtype=np.int64)


def as_thresholds(task: Task, offsets_C: Floats) -> Floats:
    """Return the offsets as people know them.

    Of labels the probability above which one is predicted; of classes what each probability is divided by before the
    greatest is taken. Those sum to 1, so that of two classes each is the probability from which on it is predicted.
    """
    if task.several_labels:
        return np.asarray(1 / (1 + np.exp(offsets_C)))
    weights = np.exp(-(offsets_C - offsets_C.min()))
    return np.asarray(weights / weights.sum())


def _of_labels(objective: Objective, target_NL: Target, scores_NL: Floats) -> Floats | None:
    if objective.at_least is not None:  # it is to be reached by each label
        return _each_label(objective, target_NL, scores_NL)
    offsets_L = np.zeros(target_NL.shape[1])
    said_NL = scores_NL > 0
    parts = (said_NL & (target_NL > 0), target_NL, said_NL)
    hit_L, true_L, said_L = (part.sum(axis=0).astype(np.float64) for part in parts)
    value = _value(objective, hit_L, true_L, said_L)
    for _ in range(MOST_ROUNDS):
        before = value
        for label in range(len(offsets_L)):
            hit_B, true_B, said_B = (part[0] for part in _counts_of_label(target_NL[:, label], scores_NL[:, label]))
            wide = (np.repeat(part[:, None], len(hit_B), axis=1) for part in (hit_L, true_L, said_L))
            hit_LB, true_LB, said_LB = wide
            hit_LB[label], true_LB[label], said_LB[label] = hit_B, true_B, said_B
            found = _best(objective, (hit_LB, true_LB, said_LB), scores_NL[:, label], multi_label=True)
            if found is not None and _gains(objective, found[1], value):
                offsets_L[label], value, place = found
                hit_L[label], said_L[label] = hit_B[place], said_B[place]
        if not _gains(objective, value, before):
            break
    return offsets_L if math.isfinite(value) else None


def _each_label(objective: Objective, target_NL: Target, scores_NL: Floats) -> Floats | None:
    offsets = list[float]()
    for target_N, scores_N in zip(target_NL.T, scores_NL.T, strict=True):
        found = _best(objective, _counts_of_label(target_N, scores_N), scores_N, multi_label=True)
        if found is None:
            return None
        offsets.append(found[0])
    return np.array(offsets)


def _counts_of_label(target_N: Target, scores_N: Floats) -> Counts:
    """Return (1, N + 1) hits, true rows and predicted rows, where the n rows of the greatest scores have the label."""
    hit, true, said = _counts_of_class(0, 1 - target_N, np.ones_like(target_N), scores_N, 2)
    return hit[:1], true[:1], said[:1]


def _of_classes(objective: Objective, target_N: Target, scores_NC: Floats) -> Floats | None:
    n_classes = scores_NC.shape[1]
    offsets_C, value = np.zeros(n_classes), math.nan
    for _ in range(MOST_ROUNDS):
        before = value
        for one in range(n_classes):
            moved_NC = scores_NC + offsets_C
            moved_NC[:, one] = -np.inf
            other_N = moved_NC.argmax(axis=1)
            gap_N = scores_NC[:, one] - moved_NC.max(axis=1)
            found = _best(
                objective, _counts_of_class(one, target_N, other_N, gap_N, n_classes), gap_N, multi_label=False
            )
            if found is not None and _gains(objective, found[1], value):
                offsets_C[one], value, _ = found
        if not _gains(objective, value, before):
            break
    return np.asarray(offsets_C - offsets_C.mean())


def _value(objective: Objective, hit_L: Floats, true_L: Floats, said_L: Floats) -> float:
    return float(objective.of_counts(hit_L[:, None], true_L[:, None], said_L[:, None], True)[0])


def _gains(objective: Objective, value: float, best: float) -> bool:
    same = math.isclose(value, best, rel_tol=1e-12, abs_tol=1e-15)
    return better(value, best, objective.greater_is_better) and not same


def _counts_of_class(one: int, target_N: Target, other_N: NDArray[np.int64], gap_N: Floats, n_classes: int) -> Counts:
    """Return (C, N + 1) hits, true rows and predicted rows, where the n rows of the greatest gap are given to a class.

    Args:
        one: the class.
        target_N: true classes.
        other_N: what each row is predicted as otherwise.
        gap_N: by how much the class is ahead of that.
        n_classes: C.
    """
    order = np.argsort(-gap_N, kind="stable")
    target, other = target_N[order], other_N[order]
    n_rows = len(order)
    hit_CB, said_CB = np.zeros((n_classes, n_rows + 1)), np.zeros((n_classes, n_rows + 1))
    rows = np.arange(1, n_rows + 1)
    said_CB[one] = np.arange(n_rows + 1)
    hit_CB[one, 1:] = target == one
    lost_CN, missed_CN = np.zeros((n_classes, n_rows + 1)), np.zeros((n_classes, n_rows + 1))
    lost_CN[other, rows] = 1
    missed_CN[other, rows] = target == other
    hit_CB[one] = hit_CB[one].cumsum()
    said_CB += np.bincount(other, minlength=n_classes)[:, None] - lost_CN.cumsum(axis=1)
    hit_CB += np.bincount(other[target == other], minlength=n_classes)[:, None] - missed_CN.cumsum(axis=1)
    true_C = np.bincount(target, minlength=n_classes).astype(float)
    return hit_CB, np.repeat(true_C[:, None], n_rows + 1, axis=1), said_CB


def _best(objective: Objective, counts: Counts, gap_N: Floats, *, multi_label: bool) -> tuple[float, float, int] | None:
    """Return the offset, its value and how many rows it predicts; on a tie the one nearest to 0; None if undefined."""
    sorted_N = -np.sort(-gap_N)
    offsets_B = np.concatenate([[-sorted_N[0] - BEYOND], -(sorted_N[1:] + sorted_N[:-1]) / 2, [-sorted_N[-1] + BEYOND]])
    there_B = np.concatenate([[True], sorted_N[1:] < sorted_N[:-1], [True]])  # equal scores are not told apart
    hit_CB, true_CB, said_CB = counts
    found_B = objective.of_counts(hit_CB, true_CB, said_CB, multi_label)
    signed_B = found_B if objective.greater_is_better else -found_B
    values_B = np.where(there_B & np.isfinite(found_B), signed_B, -np.inf)
    best = values_B.max()
    if not np.isfinite(best):
        return None
    ties = np.flatnonzero(np.isclose(values_B, best, rtol=1e-12, atol=1e-15))
    # an offset of 0 is the greatest probability: it is what is predicted without any
    unmoved = int((sorted_N > 0).sum())
    if unmoved in ties:
        return 0.0, _signed(objective, best), unmoved
    place = int(ties[np.abs(offsets_B[ties]).argmin()])
    return float(offsets_B[place]), _signed(objective, best), place


def _signed(objective: Objective, value: float) -> float:
    return float(value if objective.greater_is_better else -value)
