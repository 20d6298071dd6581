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
Sides = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # (N,) each: which rows a fold trains on, and which it holds out
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


def drift(values_N: NDArray[np.float64], sides: Sequence[Sides]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare a feature's training with its held-out values in each fold; missing values are left out.

    The values are sorted once: those of a side of a fold are then in order too.

    Args:
        values_N: of all rows, NaN = missing.
        sides: of each fold.

    Returns:
        smd (F,), the difference of the means over the pooled standard deviation (held out minus training), and ks
        (F,), the two-sample Kolmogorov-Smirnov statistic: the largest gap of the two distribution functions. NaN
        where a side has no value.
    """
    smd, ks = np.full(len(sides), np.nan), np.full(len(sides), np.nan)
    values_N = np.ascontiguousarray(values_N)
    order_P = np.argsort(values_N)[: len(values_N) - np.count_nonzero(np.isnan(values_N))]  # NaN comes last
    sorted_P = values_N[order_P]
    ends_U = np.append(np.flatnonzero(np.diff(sorted_P) > 0), len(sorted_P) - 1)  # the last row with each value
    for fold, masks in enumerate(sides):
        before_P, after_P = (mask_N[order_P] for mask_N in masks)
        before, after = sorted_P[before_P], sorted_P[after_P]
        if not (len(before) and len(after)):
            continue
        (mean_before, var_before), (mean_after, var_after) = _moments(before), _moments(after)
        pooled, gap = np.sqrt((var_before + var_after) / 2), mean_after - mean_before
        smd[fold] = gap / pooled if pooled > 0 else np.sign(gap) * np.inf if gap else 0.0
        shares_U = (np.cumsum(side_P)[ends_U] / len(own) for side_P, own in ((before_P, before), (after_P, after)))
        ks[fold] = np.abs(np.subtract(*shares_U)).max()
    give_way()
    return smd, ks


def _moments(values: NDArray[np.float64]) -> tuple[np.float64, np.float64]:
    """Return the mean and the variance; NumPy's own take longer than the arithmetic of a few thousand values."""
    mean = np.add.reduce(values) / len(values)
    from_mean = values - mean
    return mean, np.add.reduce(from_mean * from_mean) / len(values)


def _deviation(share_C: NDArray[np.float64], held_out: NDArray[np.int64], classes: Sequence[str]) -> dict[str, Any]:
    gaps = of_target(held_out).class_counts(held_out, len(classes)) / len(held_out) - share_C
    worst = int(np.abs(gaps).argmax())
    return {"largest": float(gaps[worst]), "class": classes[worst]}


def _groups(groups_N: NDArray[np.str_], pair: Pair) -> dict[str, int]:
    train, held_out = (np.unique(groups_N[rows]) for rows in pair)
    return {"held_out": len(held_out), "both_sides": len(np.intersect1d(train, held_out))}


def _sides_of(plan: FoldPlan) -> list[Sides]:
    """Return which rows are on which side of each fold."""
    pairs = (plan.rows(*divmod(number, plan.n_splits)) for number in range(plan.n_folds))
    return [in_masks(pair, plan.fold_of_row.shape[1]) for pair in pairs]


def in_masks(pair: Pair, n_rows: int) -> Sides:
    """Return which of the rows are on which side."""
    train_N, held_out_N = np.zeros(n_rows, dtype=bool), np.zeros(n_rows, dtype=bool)
    train_N[pair[0]], held_out_N[pair[1]] = True, True
    return train_N, held_out_N


def _drifts(plan: FoldPlan, features: Features, groups_N: NDArray[np.str_] | None) -> list[dict[str, Any] | None]:
    """Return, per fold, the features that differ most, and those that differ more than chance explains.

    Rows of one group resemble each other, so chance is reckoned with the number of groups where there are any.
    """
    if not features:
        return [None] * plan.n_folds
    names, sides = list(features), _sides_of(plan)
    smd_VF, ks_VF = (np.stack(one) for one in zip(*(drift(features[name], sides) for name in names), strict=True))
    counts = [[mask_N.sum() if groups_N is None else len(np.unique(groups_N[mask_N])) for mask_N in m] for m in sides]
    sizes = np.array([train * held_out / (train + held_out) for train, held_out in counts])
    # two-sided critical value of the two-sample test (Smirnov's asymptotics), Bonferroni over features and folds
    critical_F = np.sqrt(-np.log(FALSE_ALARMS / (2 * smd_VF.size)) / (2 * sizes))
    found: list[dict[str, Any] | None] = []
    for fold in range(plan.n_folds):
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
