"""Rows of a table with some columns in another order, as if they said nothing of their rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Inputs, SparseColumns, TableColumns
from trainer.errors import ConfigError
from trainer.evidence.alike_columns import MOST_COLUMNS, alike_columns

Table = TableColumns | SparseColumns
MOST_CELLS = 50_000_000  # of sparse columns that are written out to be ranked


def table_of(inputs: Inputs) -> Table:
    """Return inputs that have columns.

    Raises:
        ConfigError: texts, images or arrays of another shape have none.
    """
    if isinstance(inputs, TableColumns | SparseColumns):
        return inputs
    raise ConfigError(
        f"permutation importance is of columns, and the run's rows are {type(inputs).__name__.lower()}\n"
        "texts and images are explained row by row: --worst 10, or --rows ID,ID"
    )


def named_columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns, numbers first."""
    if isinstance(table, SparseColumns):
        return tuple(map(table.name, range(table.n_columns)))
    return (*table.numeric, *table.categorical)


def clustered(table: Table, at_least: float) -> list[tuple[str, ...]]:
    """Return the columns, those together that are alike; of too many sparse ones each alone."""
    if isinstance(table, TableColumns):
        return alike_columns(table, at_least)
    names, n_rows = named_columns(table), len(table.offsets) - 1
    if table.n_columns > MOST_COLUMNS or n_rows * table.n_columns > MOST_CELLS:
        return [(name,) for name in names]
    dense_NF = table.matrix().toarray()
    return alike_columns(TableColumns(dense_NF, np.empty((n_rows, 0), dtype=object), names), at_least)


def constant_columns(table: Table) -> dict[str, str]:
    """Return the columns that have the same value in every row, and what that is."""
    if isinstance(table, SparseColumns):
        matrix = table.matrix().tocsc()
        low, high = (end.toarray().ravel() for end in (matrix.min(axis=0), matrix.max(axis=0)))
        same = np.flatnonzero(low == high).tolist()
        return {table.name(place): f"{low[place]:g} in every row" for place in same}
    found = {name: _one_number(values_N) for name, values_N in zip(table.numeric, table.numeric_NF.T, strict=True)}
    for name, cells_N in zip(table.categorical, table.categorical_NK.T, strict=True):
        words = set(cells_N.tolist())
        found[name] = "" if len(words) > 1 else _said(next(iter(words), None))
    return {name: said for name, said in found.items() if said}


def _one_number(values_N: NDArray[np.float64]) -> str:
    missing_N = np.isnan(values_N)
    if missing_N.all():
        return _said(None)
    return "" if missing_N.any() or np.ptp(values_N) > 0 else _said(f"{values_N[0]:g}")


def _said(value: str | None) -> str:
    return "no value in any row" if value is None else f"{value} in every row"


def permuted(table: Table, names: Sequence[str], order_N: NDArray[np.int64]) -> Table:
    """Return the rows with these columns taken from other rows, all of them from the same one.

    Args:
        table: of N rows.
        names: columns that are permuted together.
        order_N: row n is given the cells of row ``order_N[n]``.
    """
    if isinstance(table, SparseColumns):
        return _permuted_sparse(table, names, order_N)
    numeric_NF, categorical_NK = table.numeric_NF.copy(), table.categorical_NK.copy()
    for values, known in ((numeric_NF, table.numeric), (categorical_NK, table.categorical)):
        places = [place for place, name in enumerate(known) if name in names]
        values[:, places] = values[order_N][:, places]
    return TableColumns(numeric_NF, categorical_NK, table.numeric, table.categorical)


def _permuted_sparse(table: SparseColumns, names: Sequence[str], order_N: NDArray[np.int64]) -> SparseColumns:
    matrix = table.matrix().tocsc(copy=True)
    goes_to_N = np.empty_like(order_N)
    goes_to_N[order_N] = np.arange(len(order_N))
    for place in (place for place in range(table.n_columns) if table.name(place) in names):
        cells = slice(*matrix.indptr[place : place + 2])
        matrix.indices[cells] = goes_to_N[matrix.indices[cells]]
    matrix.has_sorted_indices = False
    rows = matrix.tocsr()
    arrays = rows.data, rows.indices.astype(np.int32), rows.indptr.astype(np.int64)
    return SparseColumns(*arrays, table.n_columns, table.first)
