"""What a split looks like: sizes, classes, groups and drift of each fold, without training anything."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.folds.plan import FoldPlan
from trainer.folds.request import Pair, RowNumbers
from trainer.system.mapped_arrays import CHUNK_ROWS, give_way, row_number_type
from trainer.tasks import of_target

Features = Mapping[str, NDArray[np.float64]]
Sides = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # (N,) each: which rows a fold trains on, and which it holds out
_FOLDS_IN_BYTE = 4
FEW_CELLS = 1 << 16  # of features that are looked at together: they stay in a core's cache
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


def drift(
    values_VN: NDArray[np.float64], bits_BN: NDArray[np.uint8], n_folds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare training with held-out values of some features in each fold.

    Each feature is sorted once: the values on a side of a fold are then in order too.

    Args:
        values_VN: of all rows; none is missing.
        bits_BN: which rows are on which side of which fold, see ``_as_bits``.
        n_folds: how many there are.

    Returns:
        smd (V, F), the difference of the means over the pooled standard deviation (held out minus training), and ks
        (V, F), the two-sample Kolmogorov-Smirnov statistic: the largest gap of the two distribution functions. NaN
        where a side has no value.
    """
    smd_VF, ks_VF = (np.full((len(values_VN), n_folds), np.nan) for _ in range(2))
    order_VN = np.argsort(values_VN, axis=1).astype(row_number_type(values_VN.shape[1]), copy=False)
    sorted_VN = np.take_along_axis(values_VN, order_VN, axis=1)
    last_VN = np.ones(sorted_VN.shape, dtype=bool)  # the last row with each value, where functions are compared
    last_VN[:, :-1] = sorted_VN[:, 1:] > sorted_VN[:, :-1]
    bits_BVN = [bits_N[order_VN] for bits_N in bits_BN]
    for fold in range(n_folds):
        train_VN, held_out_VN = _of_fold(fold, bits_BVN)
        if not (train_VN.any() and held_out_VN.any()):
            continue
        (mean_V, var_V), (held_mean_V, held_var_V) = _moments(sorted_VN, train_VN), _moments(sorted_VN, held_out_VN)
        pooled_V, gap_V = np.sqrt((var_V + held_var_V) / 2), held_mean_V - mean_V
        with np.errstate(divide="ignore", invalid="ignore"):
            no_spread_V = np.where(gap_V == 0, 0.0, np.sign(gap_V) * np.inf)
            smd_VF[:, fold] = np.where(pooled_V > 0, gap_V / pooled_V, no_spread_V)
        ks_VF[:, fold] = _largest_gaps(train_VN, held_out_VN, last_VN)
    return smd_VF, ks_VF


def _as_bits(sides: Sequence[Sides]) -> NDArray[np.uint8]:
    """Return two bits of each row for each fold, whether it is trained on and whether it is held out: (bytes, N).

    To look up where the rows of a sorted feature are takes as long for eight masks as for one.
    """
    bits_BN = np.zeros((-(-len(sides) // _FOLDS_IN_BYTE), len(sides[0][0])), dtype=np.uint8)
    for fold, masks in enumerate(sides):
        byte, place = divmod(fold, _FOLDS_IN_BYTE)
        for side, mask_N in enumerate(masks):
            bits_BN[byte] |= mask_N.view(np.uint8) << np.uint8(2 * place + side)
    return bits_BN


def _of_fold(fold: int, bits_BVN: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.bool_]]:
    """Return which values (V, N) are of rows that a fold trains on, and which of rows that it holds out."""
    byte, place = divmod(fold, _FOLDS_IN_BYTE)
    return [(bits_BVN[byte] & np.uint8(1 << (2 * place + side))) != 0 for side in range(2)]


def _moments(
    sorted_VN: NDArray[np.float64], on_side_VN: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance (V,) of a side's values."""
    values_VS = sorted_VN.ravel().compress(on_side_VN.ravel()).reshape(len(sorted_VN), -1)
    n_values = values_VS.shape[1]
    mean_V = np.add.reduce(values_VS, axis=1) / n_values  # NumPy's own mean and var take longer than the arithmetic
    values_VS -= mean_V[:, None]
    np.multiply(values_VS, values_VS, out=values_VS)
    return mean_V, np.add.reduce(values_VS, axis=1) / n_values


def _largest_gaps(
    train_VN: NDArray[np.bool_], held_out_VN: NDArray[np.bool_], last_VN: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the largest gap (V,) between the distribution functions of two samples, some values at a time.

    Args:
        train_VN: which of all values, lowest first, are of the one.
        held_out_VN: which are of the other.
        last_VN: which is the last of those equal to it: the functions are compared there.
    """
    sizes = [np.count_nonzero(part_VN[0]) for part_VN in (train_VN, held_out_VN)]
    count: Any = np.int32 if last_VN.shape[1] <= np.iinfo(np.int32).max else np.int64
    sums, largest_V = [np.zeros((len(last_VN), 1), dtype=count)] * 2, np.zeros(len(last_VN))
    for start in range(0, last_VN.shape[1], CHUNK_ROWS):
        chunk, shares = slice(start, start + CHUNK_ROWS), []
        for side, part_VN in enumerate((train_VN, held_out_VN)):
            counted_VB = np.cumsum(part_VN[:, chunk], axis=1, dtype=count)
            counted_VB += sums[side]
            sums[side] = counted_VB[:, -1:].copy()
            shares.append(counted_VB / sizes[side])
        gap_VB, other_VB = shares
        gap_VB -= other_VB
        np.abs(gap_VB, out=gap_VB)
        gap_VB *= last_VN[:, chunk]
        largest_V = np.maximum(largest_V, gap_VB.max(axis=1))
    return largest_V


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


def of_features(
    features: Sequence[NDArray[np.float64]], sides: Sequence[Sides]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield ``drift`` of the features in order, of a few at a time; missing values are left out."""
    at_a_time, bits_BN = max(1, FEW_CELLS // len(features[0])), _as_bits(sides)
    for start in range(0, len(features), at_a_time):
        block_VN = np.ascontiguousarray(np.stack(features[start : start + at_a_time]))
        present_VN = ~np.isnan(block_VN)
        if present_VN.all():
            yield drift(block_VN, bits_BN, len(sides))
        else:
            for values_N, known_N in zip(block_VN, present_VN, strict=True):
                yield drift(values_N[None, known_N], bits_BN[:, known_N], len(sides))
        give_way()


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
    smd_VF, ks_VF = (np.concatenate(one) for one in zip(*of_features(list(features.values()), sides), strict=True))
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
