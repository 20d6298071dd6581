"""What a split looks like: sizes, classes, groups and drift of each fold, without training anything."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.folds.plan import FoldPlan
from trainer.folds.request import Pair, RowNumbers
from trainer.system.mapped_arrays import give_way
from trainer.tasks import of_target

Features = Mapping[str, NDArray[np.float64]]
FALSE_ALARMS = 0.05  # chance that any feature of any fold of a random split is called drifting


def split_report(
    plan: FoldPlan,
    target: NDArray[np.int64],
    classes: Sequence[str],
    groups_N: NDArray[np.str_] | None = None,
    features: Features | None = None,
) -> dict[str, Any]:
    """Describe every fold of a plan.

    Args:
        plan: which rows are held out when.
        target: (N,) class index or (N, L) of 0/1.
        classes: label text per class.
        groups_N: group of each row, or None.
        features: (N,) float64 by name, NaN = missing; text lengths count as a feature.

    Returns:
        Plain values: ``strategy``, ``n_splits``, ``repeats``, ``fingerprint``, ``notes``, ``n_rows``, ``classes``,
        ``counts`` of the classes in all rows, ``never_held_out`` rows per repeat, and ``folds``, each with
        ``repeat``, ``fold``, ``n_train``, ``n_held_out``, ``counts`` (of the classes, held out), ``deviation``
        (largest difference of a class's share from its share in all rows, and which class), ``groups`` (held out, and
        on both sides; None without groups), ``pairs`` (multi-label, see ``pair_deviation``; else None) and
        ``drift`` (see ``drift``; None without features).
    """
    task = of_target(target)
    overall_C = task.class_counts(target, len(classes))
    drifts = _drifts(plan, features or {}, groups_N)
    folds = []
    for number in range(plan.n_folds):
        repeat, fold = divmod(number, plan.n_splits)
        pair = plan.rows(repeat, fold)
        folds.append(
            {
                "repeat": repeat,
                "fold": fold,
                "n_train": len(pair[0]),
                "n_held_out": len(pair[1]),
                "counts": task.class_counts(target[pair[1]], len(classes)).tolist(),
                "deviation": _deviation(overall_C / len(target), target[pair[1]], classes),
                "groups": None if groups_N is None else _groups(groups_N, pair),
                "pairs": pair_deviation(target, pair[1], classes) if task.several_labels else None,
                "drift": drifts[number],
            }
        )
    return {
        "strategy": plan.strategy,
        "n_splits": plan.n_splits,
        "repeats": plan.repeats,
        "fingerprint": plan.fingerprint,
        "notes": list(plan.notes),
        "n_rows": len(target),
        "classes": list(classes),
        "counts": overall_C.tolist(),
        "never_held_out": (plan.fold_of_row < 0).sum(axis=1).tolist(),
        "folds": folds,
    }


def pair_deviation(target: NDArray[np.int64], held_out: RowNumbers, classes: Sequence[str]) -> dict[str, Any] | None:
    """Compare how often two labels occur together: share among the held-out rows minus share among all rows.

    Args:
        target: (N, L) of 0/1.
        held_out: row numbers.
        classes: name per label.

    Returns:
        ``mean`` of the absolute difference over all pairs that occur, ``largest`` and its ``labels``; None without
        such pairs.
    """
    overall_LL = target.T @ target / len(target)
    fold_LL = target[held_out].T @ target[held_out] / len(held_out)
    occurring = [pair for pair in combinations(range(target.shape[1]), 2) if overall_LL[pair] > 0]
    if not occurring:
        return None
    gaps = np.array([fold_LL[pair] - overall_LL[pair] for pair in occurring])
    worst = int(np.abs(gaps).argmax())
    labels = [classes[label] for label in occurring[worst]]
    return {"mean": float(np.abs(gaps).mean()), "largest": float(gaps[worst]), "labels": labels}


def drift(values_N: NDArray[np.float64], pairs: Sequence[Pair]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare a feature's training with its held-out values in each fold; missing values are left out.

    Args:
        values_N: of all rows, NaN = missing.
        pairs: (training, held-out) rows of each fold.

    Returns:
        smd (F,), the difference of the means over the pooled standard deviation (held out minus training), and ks
        (F,), the two-sample Kolmogorov-Smirnov statistic: the largest gap of the two distribution functions. NaN
        where a side has no value.
    """
    smd, ks = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    values_N = np.ascontiguousarray(values_N)
    for fold, pair in enumerate(pairs):
        before, after = (_sorted_present(values_N[rows]) for rows in pair)
        if not (len(before) and len(after)):
            continue
        pooled = np.sqrt((before.var() + after.var()) / 2)
        gap = after.mean() - before.mean()
        smd[fold] = gap / pooled if pooled > 0 else np.sign(gap) * np.inf if gap else 0.0
        ks[fold] = _largest_gap(before, after)
    give_way()
    return smd, ks


def _sorted_present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sort(values[~np.isnan(values)])


def _largest_gap(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the largest gap between the distribution functions of two sorted samples.

    Between two values of the second its function stands still and the other rises, so that the gap is largest at one of
    them, or right before it.
    """
    up_to = np.append(np.flatnonzero(np.diff(after) > 0), len(after) - 1) + 1  # rows with each value or a lower one
    below, values = np.append(0, up_to[:-1]), after[up_to - 1]
    right_before = np.searchsorted(before, values, "left") / len(before) - below / len(after)
    at = np.searchsorted(before, values, "right") / len(before) - up_to / len(after)
    return float(max(np.abs(right_before).max(), np.abs(at).max()))


def _deviation(share_C: NDArray[np.float64], held_out: NDArray[np.int64], classes: Sequence[str]) -> dict[str, Any]:
    gaps = of_target(held_out).class_counts(held_out, len(classes)) / len(held_out) - share_C
    worst = int(np.abs(gaps).argmax())
    return {"largest": float(gaps[worst]), "class": classes[worst]}


def _groups(groups_N: NDArray[np.str_], pair: Pair) -> dict[str, int]:
    train, held_out = (np.unique(groups_N[rows]) for rows in pair)
    return {"held_out": len(held_out), "both_sides": len(np.intersect1d(train, held_out))}


def _drifts(plan: FoldPlan, features: Features, groups_N: NDArray[np.str_] | None) -> list[dict[str, Any] | None]:
    """Return, per fold, the features that differ most, and those that differ more than chance explains.

    Rows of one group resemble each other, so chance is reckoned with the number of groups where there are any.
    """
    pairs = [plan.rows(*divmod(number, plan.n_splits)) for number in range(plan.n_folds)]
    if not features:
        return [None] * len(pairs)
    names = list(features)
    smd_VF, ks_VF = (np.stack(one) for one in zip(*(drift(features[name], pairs) for name in names), strict=True))
    counts = [[len(rows) if groups_N is None else len(np.unique(groups_N[rows])) for rows in pair] for pair in pairs]
    sizes = np.array([train * held_out / (train + held_out) for train, held_out in counts])
    # two-sided critical value of the two-sample test (Smirnov's asymptotics), Bonferroni over features and folds
    critical_F = np.sqrt(-np.log(FALSE_ALARMS / (2 * smd_VF.size)) / (2 * sizes))
    found: list[dict[str, Any] | None] = []
    for fold in range(len(pairs)):
        smd_V, ks_V = np.nan_to_num(smd_VF[:, fold]), np.nan_to_num(ks_VF[:, fold])
        by_mean, by_ks = int(np.abs(smd_V).argmax()), int(ks_V.argmax())
        found.append(
            {
                "smd": {"feature": names[by_mean], "value": float(smd_VF[by_mean, fold])},
                "ks": {"feature": names[by_ks], "value": float(ks_VF[by_ks, fold])},
                "beyond_chance": [names[v] for v in np.argsort(-ks_V) if ks_V[v] > critical_F[fold]],
            }
        )
    return found
