"""How well one column can tell labels at most: spares fitting a tree where no tree on it could be good enough."""

import numpy as np
from numpy.typing import NDArray

NARROWEST = 1e-6  # scikit-learn's trees take values within 1e-7 for equal: there may be no threshold between such


def recall_bound(
    train_M: NDArray[np.float32], held_K: NDArray[np.float32], train_MT: NDArray[np.int64], held_KT: NDArray[np.int64],
    share_TC: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """Return (T,) what the mean recall in held-out rows cannot exceed, of a tree of Gini impurity on one column.

    Whatever the tree is, rows of one value have one prediction, and the best prediction of such a set of rows is the
    class with the largest share in it. A tree further has no threshold between training values of one class that
    follow each other (a best split lies at a class boundary: Fayyad, Irani, "On the handling of continuous-valued
    attributes in decision tree generation", 1992), so held-out rows in such a run have one prediction too.

    Args:
        train_M: the column in the rows the tree is fitted on, NaN = missing.
        held_K: the column in the rows it is scored on.
        train_MT: (M, T) class in each of T targets.
        held_KT: likewise.
        share_TC: (T, C) what a held-out row of each class adds to the mean recall where it is told.
    """
    n_targets, n_classes = share_TC.shape
    values_V, place_K = np.unique(held_K, return_inverse=True)  # one NaN, the last
    set_VT = np.zeros((len(values_V), n_targets), dtype=np.int64)
    set_VT[1:] = np.cumsum(~_in_one_run(values_V, train_M, train_MT), axis=0)
    target_T = np.arange(n_targets)
    cell_KT = (set_VT[place_K] * n_targets + target_T) * n_classes + held_KT
    worth_KT = share_TC[target_T, held_KT]
    n_cells = len(values_V) * n_targets * n_classes
    told = np.bincount(cell_KT.ravel(), worth_KT.ravel(), n_cells).reshape(-1, n_targets, n_classes)
    bound_T: NDArray[np.float64] = told.max(axis=2).sum(axis=0)
    return bound_T


def _in_one_run(
    values_V: NDArray[np.float32], train_M: NDArray[np.float32], train_MT: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return (V - 1, T) whether a held-out value and the next lie in one run of training values of one class."""
    known_M = ~np.isnan(train_M)
    order = np.argsort(train_M[known_M], kind="stable")
    sorted_M, sorted_MT = train_M[known_M][order], train_MT[known_M][order]
    if not len(sorted_M):
        return np.zeros((len(values_V) - 1, train_MT.shape[1]), dtype=bool)
    steps = np.diff(sorted_M)
    starts = np.flatnonzero(np.concatenate([[True], steps > 0]))
    low_DT, high_DT = np.minimum.reduceat(sorted_MT, starts), np.maximum.reduceat(sorted_MT, starts)
    new_run_DT = np.ones(low_DT.shape, dtype=bool)
    new_run_DT[1:] = (low_DT[1:] != high_DT[1:]) | (low_DT[:-1] != high_DT[:-1]) | (low_DT[1:] != low_DT[:-1])
    run_DT = np.cumsum(new_run_DT, axis=0)
    below = np.searchsorted(sorted_M[starts], values_V, side="right") - 1  # -1 = before all training values
    above = np.searchsorted(sorted_M[starts], values_V, side="left")
    between = (below >= 0) & (above < len(starts)) & ~np.isnan(values_V)
    below, above = below.clip(0), above.clip(max=len(starts) - 1)
    run_VT = run_DT[below]
    inside_VT = between[:, None] & (run_VT == run_DT[above])
    narrow_D = np.concatenate([[False], steps[starts[1:] - 1] <= NARROWEST])
    inside_VT &= ~_of_doubtful_runs(run_DT, new_run_DT & narrow_D[:, None])[below]
    return np.asarray(inside_VT[1:] & inside_VT[:-1] & (run_VT[1:] == run_VT[:-1]))


def _of_doubtful_runs(run_DT: NDArray[np.int64], narrow_DT: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (D, T) which training values are of a run that may have no threshold at one of its ends.

    Then the best threshold may be the one next to it, within the run.

    Args:
        run_DT: number of the run.
        narrow_DT: whether a run begins here, all but at the value before.
    """
    doubtful_RT = np.zeros((run_DT.max() + 2, run_DT.shape[1]), dtype=bool)
    begins_B, target_B = np.nonzero(narrow_DT)
    runs_B = run_DT[begins_B, target_B]
    doubtful_RT[runs_B, target_B] = doubtful_RT[runs_B - 1, target_B] = True
    return doubtful_RT[run_DT, np.arange(run_DT.shape[1])]


def r2_bound(held_K: NDArray[np.float32], target_K: NDArray[np.float64]) -> float:
    """Return what the R² in held-out rows cannot exceed, of any prediction from one column.

    At best every value of the column is given the mean of its rows.
    """
    place_K = np.unique(held_K, return_inverse=True)[1]
    centred_K = target_K - target_K.mean()
    sums_V, counts_V = np.bincount(place_K, centred_K), np.bincount(place_K)
    return float((sums_V**2 / counts_V).sum() / (centred_K**2).sum())
