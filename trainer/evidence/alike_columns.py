"""Columns that say the same: clusters of a table by rank correlation.

A column that is permuted alone costs a model little where another one says the same, so these are permuted together.
Complete linkage on 1 - |Spearman's rho|: every two columns of a cluster correlate so much at least.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import TableColumns

Floats = NDArray[np.float64]

MOST_ROWS = 20_000  # that ranks are taken of; the first of a random order where there are more
MOST_COLUMNS = 2_000  # whose pairs are looked at: memory grows with their square
ROUNDING = 1e-9  # of a correlation of 1


def alike_columns(table: TableColumns, at_least: float) -> list[tuple[str, ...]]:
    """Return the columns, those that are alike together, in the order in which the first of each stands.

    Numbers are ranked, missing ones in the middle; of categories those with two values are. A category of more values
    has no order, and stands alone.

    Args:
        table: of all rows.
        at_least: absolute rank correlation of every two columns of a cluster, above 0 and at most 1.

    Example:
        >>> x = np.arange(6.0)
        >>> numbers = np.stack([x, x**3, [3, 1, 2, 6, 5, 4]], axis=1)
        >>> table = TableColumns(numbers, np.empty((6, 0), object), tuple("abc"))
        >>> alike_columns(table, 0.9)
        [('a', 'b'), ('c',)]
    """
    names = (*table.numeric, *table.categorical)
    ranked = dict(_ranked(table))
    if not 1 < len(ranked) <= MOST_COLUMNS:
        return [(name,) for name in names]
    place_of = dict(zip(ranked, _clusters(np.stack([*ranked.values()]), at_least), strict=True))
    clusters: dict[object, list[str]] = defaultdict(list)
    for name in names:
        clusters[place_of.get(name, name)].append(name)
    return [tuple(cluster) for cluster in clusters.values()]


def _ranked(table: TableColumns) -> Iterator[tuple[str, Floats]]:
    """Yield name and ranks, of mean 0 and length 1, of the columns that have an order and are not constant."""
    rows = np.random.default_rng(0).permutation(len(table.numeric_NF))[:MOST_ROWS]
    columns = [*zip(table.numeric, table.numeric_NF[rows].T, strict=True)]
    columns += [
        (name, _two_values(cells_N))
        for name, cells_N in zip(table.categorical, table.categorical_NK[rows].T, strict=True)
    ]
    for name, values_N in columns:
        ranks_N = _ranks(values_N)
        if (length := float(np.linalg.norm(ranks_N))) > 0:
            yield name, ranks_N / length


def _two_values(cells_N: NDArray[np.object_]) -> Floats:
    """Return 0 and 1 where a category has two values, NaN for missing ones, and zeros where it has more."""
    words = sorted({word for word in cells_N.tolist() if word is not None})
    if len(words) != 2:
        return np.zeros(len(cells_N))
    return np.array([np.nan if word is None else float(words.index(word)) for word in cells_N.tolist()])


def _ranks(values_N: Floats) -> Floats:
    """Return ranks minus their mean, those of equal values their mean; 0 of missing ones."""
    from scipy.stats import rankdata

    there_N = ~np.isnan(values_N)
    ranks_N = np.zeros(len(values_N))
    if there_N.any():
        ranks = rankdata(values_N[there_N])
        ranks_N[there_N] = ranks - ranks.mean()
    return ranks_N


def _clusters(ranks_FN: Floats, at_least: float) -> list[int]:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart_FF = np.clip(1 - np.abs(ranks_FN @ ranks_FN.T), 0, None)
    np.fill_diagonal(apart_FF, 0)
    tree = linkage(squareform(apart_FF, checks=False), "complete")
    numbers: list[int] = fcluster(tree, 1 - at_least + ROUNDING, "distance").tolist()
    return numbers
