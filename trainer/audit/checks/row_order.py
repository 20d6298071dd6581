"""Does the place of a row in the file predict its label?"""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.findings import Finding
from trainer.audit.split import Side, Split
from trainer.data.samples import Samples
from trainer.tasks import of_target

BINS = 10  # of numbers
LEAST_KAPPA = 0.3  # agreement of neighbours beyond chance
LEAST_SIGMAS = 5.0
LEAST_PAIRS = 50
LEAST_CLASS = 10  # rows of a class for its absence from a fold to be told
LEAST_TORN = 0.3  # of the held-out rows; below, neighbours are kept together


def check_order(samples: Samples, split: Split | None) -> list[Finding]:
    """Report labels that come in blocks: sorted files, or rows that belong together without being called a group.

    Args:
        samples: the rows; neighbours of one group are left out, that group is known.
        split: the folds, or None.
    """
    task = of_target(samples.target)
    labels_N = task.codes(samples.target) if task.has_classes else task.strata(samples.target, BINS, LEAST_CLASS)
    if not len(labels_N):
        return []
    kappa, sigmas = _neighbours_alike(labels_N, samples.groups_N)
    if kappa < LEAST_KAPPA or sigmas < LEAST_SIGMAS:
        return []
    n_blocks = 1 + int((np.diff(labels_N) != 0).sum())
    if n_blocks <= 2 * len(np.unique(labels_N)):
        return [_sorted(labels_N, n_blocks, split)]
    if split is not None and _share_torn(split) < LEAST_TORN:
        return []
    said = (
        f"Rows next to each other have the same label far more often than by chance (kappa {kappa:.2f}). Either the "
        "file was put together by label, or they belong together (one person, one recording): then name that group."
    )
    return [Finding("row_order", "warning", said, n_rows=len(labels_N), fix="data.group=COLUMN cv=stratified_group")]


def _neighbours_alike(labels_N: NDArray[np.int64], groups_N: NDArray[np.str_] | None) -> tuple[float, float]:
    """Return how far rows and the next ones agree beyond chance (1 = always), and how many sigmas that is."""
    compared = np.ones(len(labels_N) - 1, dtype=bool) if groups_N is None else groups_N[1:] != groups_N[:-1]
    chance = float(((np.bincount(labels_N) / len(labels_N)) ** 2).sum())
    if compared.sum() < LEAST_PAIRS or chance == 1.0:
        return 0.0, 0.0
    agreement = float((labels_N[1:] == labels_N[:-1])[compared].mean())
    sigma = np.sqrt(chance * (1 - chance) / compared.sum())
    return (agreement - chance) / (1 - chance), float((agreement - chance) / sigma)


def _sorted(labels_N: NDArray[np.int64], n_blocks: int, split: Split | None) -> Finding:
    said = f"The rows are sorted by label ({n_blocks} blocks)"
    lacking = [] if split is None else [side.name for side in split.sides() if _lacks_class(labels_N, side)]
    if lacking:
        said += f", and fold {lacking[0]} lacks a class on one side: shuffle before splitting."
        return Finding("row_order", "warning", said, n_rows=len(labels_N), folds=tuple(lacking), fix="cv.shuffle=true")
    advice = ": never split them without shuffling." if split is None else "; this split mixes them."
    return Finding("row_order", "note", said + advice, n_rows=len(labels_N))


def _lacks_class(labels_N: NDArray[np.int64], side: Side) -> bool:
    large = np.flatnonzero(np.bincount(labels_N) >= LEAST_CLASS)
    return any(not np.isin(large, labels_N[rows]).all() for rows in (side.train_N, side.held_N))


def _share_torn(split: Split) -> float:
    """Return the share of held-out rows that have a neighbour in the training rows, in the first repeat."""
    torn = n_held_out = 0
    for side in split.sides(repeats=1):
        beside_N = np.zeros(len(side.train_N), dtype=bool)
        beside_N[1:] |= side.train_N[:-1]
        beside_N[:-1] |= side.train_N[1:]
        torn += int((side.held_N & beside_N).sum())
        n_held_out += int(side.held_N.sum())
    return torn / max(n_held_out, 1)
