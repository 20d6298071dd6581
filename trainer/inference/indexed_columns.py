"""New rows of a format whose columns are numbers (LIBSVM): a column that no row has is one of zeros, not missing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from trainer.data.readers.contract import OpenTable
from trainer.data.samples import SparseColumns
from trainer.errors import DataError
from trainer.wording.lists import first_few

INDEXED = re.compile(r"f(\d+)")
FROM_ONE = "no row has index 0, the run's data had: if indices count from 1 here, make them the same"


def with_zero_columns(opened: OpenTable, wanted: Sequence[str], named: str) -> OpenTable:
    """Return the rows with all columns of numbers that a run needs; those that no row has are 0, with a note.

    Args:
        opened: of any format; only one with numbered columns is changed.
        wanted: columns that the run needs.
        named: the file, in messages.

    Raises:
        DataError: the indices do not count from where those of the run's data do.
    """
    if opened.first_index is None:
        return opened
    indices = [int(found[1]) for name in wanted if (found := INDEXED.fullmatch(name))]
    if not indices:
        return opened
    _refuse_shifted(opened.first_index, _last_index(opened), indices, named)
    rows = _with_dense(opened, wanted)
    lacking = [name for name in wanted if INDEXED.fullmatch(name) and name not in rows.column_names]
    for name in lacking:
        rows = rows.append_column(name, pa.array(np.zeros(rows.num_rows)))
    said = [f"columns that no row has an index for are 0: {first_few(lacking, rest=', ...')}"] if lacking else []
    if "f0" in lacking:
        said.append(FROM_ONE)
    return replace(opened, rows=rows, sparse=None, notes=(*opened.notes, *said))


def _refuse_shifted(first: int, last: int, indices: Sequence[int], named: str) -> None:
    """Refuse indices that count from 0 for a run whose do from 1, or the other way where they go too far."""
    if first == 0 and 0 not in indices:
        counted = (0, 1)
    elif first == 1 and 0 in indices and last > max(indices):
        counted = (1, 0)
    else:
        return
    raise DataError(
        f"{named}: indices count from {counted[0]}, in the run's data from {counted[1]}: every value would go to the "
        "column beside it\nwrite the file as the run's was"
    )


def _last_index(opened: OpenTable) -> int:
    if opened.sparse is not None:
        return opened.sparse.first + opened.sparse.n_columns - 1
    return max(int(found[1]) for name in opened.rows.column_names if (found := INDEXED.fullmatch(name)))


def _with_dense(opened: OpenTable, wanted: Sequence[str]) -> pa.Table:
    """Return the rows with those columns as such that are wanted of the sparse ones."""
    rows, sparse = opened.rows, opened.sparse
    if sparse is None:
        return rows
    matrix = sparse.matrix().tocsc()
    names = {sparse.name(place): place for place in range(sparse.n_columns)}
    for name in wanted:
        if name in names:
            place = names[name]
            rows = rows.append_column(name, pa.array(matrix[:, [place]].toarray()[:, 0]))
    return rows


def sparse_columns(
    opened: OpenTable | None, named: str, *, first: int, n_columns: int
) -> tuple[SparseColumns, list[str]]:
    """Return the columns of a file for a run whose columns were kept sparse, and notes.

    Args:
        opened: the file.
        named: it, in messages.
        first: number of the run's first column.
        n_columns: of the run.

    Raises:
        DataError: the format has no numbered columns.
    """
    if opened is None or opened.first_index is None:
        raise DataError(f"{named}: the run's columns are the indices of a LIBSVM file: give its rows in that format")
    sparse = opened.sparse
    if sparse is None:
        names = [name for name in opened.rows.column_names if INDEXED.fullmatch(name)]
        dense_NF = np.column_stack([opened.rows[name].to_numpy() for name in names])
        sparse = as_sparse(dense_NF, opened.first_index)
    if sparse.first != first or sparse.n_columns <= n_columns:
        return sparse, [FROM_ONE] if sparse.first > first else []
    spare = [sparse.name(place) for place in range(n_columns, sparse.n_columns)]
    kept = sparse.matrix()[:, :n_columns]
    arrays = kept.data, kept.indices.astype(np.int32), kept.indptr.astype(np.int64)
    note = f"columns that the run does not use: {first_few(spare, rest=', ...')}"
    return SparseColumns(*arrays, n_columns, first), [note]


def as_sparse(dense_NF: Any, first: int) -> SparseColumns:
    """Return what is not zero; the first column has the number ``first``."""
    rows_P, columns_P = np.nonzero(dense_NF)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows_P, minlength=len(dense_NF)))])
    values_P = dense_NF[rows_P, columns_P]
    return SparseColumns(values_P, columns_P.astype(np.int32), offsets.astype(np.int64), dense_NF.shape[1], first)
