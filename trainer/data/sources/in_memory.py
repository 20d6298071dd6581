"""Rows that a Python program has in memory: arrays with labels, and data sets that are read item by item."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.reading import ARRAYS, TABLE, reading_of
from trainer.data.columns.rows import assign_roles, labels_of, read_rows
from trainer.data.samples import Arrays, DataSpec, Inputs, Samples, SparseColumns, TableColumns
from trainer.errors import DataError

Given = tuple[Samples, DataSpec]


def load_in_memory(name: str) -> Given:
    """Refuse to load what only the program had that began the run; it hands its rows over itself.

    Args:
        name: of the data, as the program called it.

    Raises:
        DataError: always.
    """
    raise DataError(
        f"the rows of this run ({name}) were in the memory of a Python program: "
        "go on there, by the same call of trainer.cross_validate with the same run="
    )


def given_rows(inputs: Inputs, n_rows: int, name: str, columns: ColumnOptions, values: Mapping[str, Any]) -> Given:
    """Return inputs with the labels, ids, groups, times, weights and folds given beside them, checked as a table's are.

    Args:
        inputs: of N rows.
        n_rows: N.
        name: of the data, in messages.
        columns: which of ``values`` are what.
        values: by column name; (N,) each.

    Raises:
        DataError: a value is missing, or the labels are none.
    """
    table = pa.table({key: as_column(value, n_rows, f"{name}: {key}") for key, value in values.items()})
    roles = assign_roles(table, name, columns, others={})
    labels = labels_of(table, roles, name, columns)
    rows = read_rows(table, roles, name, columns.spellings)
    samples = Samples(inputs=inputs, target=labels.target, votes_NC=labels.votes_NC, **rows)
    kind = TABLE if isinstance(inputs, TableColumns) else ARRAYS
    reading = reading_of(kind, columns, roles.label)
    spec = DataSpec(name, labels.task, labels.classes, labels.notes, labels.positive_because, reading)
    return samples.only(~labels.left_out_N), spec


def as_column(values: Any, n_rows: int, what: str) -> Any:
    """Return labels, groups and the like as an Arrow column.

    Raises:
        DataError: there are not as many as rows, or they are of several kinds.
    """
    found = values if isinstance(values, list | tuple) else as_array(values, what)
    if len(found) != n_rows:
        raise DataError(f"{what} has {len(found)} values for {n_rows} rows: give one for each row")
    if isinstance(found, np.ndarray) and found.ndim != 1:
        raise DataError(f"{what} has the shape {found.shape}: give one value for each row")
    try:
        return pa.array(found.tolist() if isinstance(found, np.ndarray) and found.dtype == object else found)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"{what} holds values of several kinds: make all of them numbers, or all of them text"
        ) from error


def as_array(values: Any, what: str) -> NDArray[Any]:
    """Return an array, a tensor on the CPU or a sequence as NumPy has it.

    Raises:
        DataError: it lies on a GPU, is sparse or masked, has no rows, or rows of several shapes.
    """
    device = getattr(values, "device", None)
    kind = getattr(device, "type", device if isinstance(device, str) else "cpu")
    if kind != "cpu":
        raise DataError(f"{what} lies on {device}: give {what.rpartition(' ')[2]}.cpu(), batches are moved when needed")
    if callable(getattr(values, "toarray", None)):
        raise DataError(f"{what} is sparse, which is not taken: give its toarray(), if that fits into memory")
    if not hasattr(values, "__len__"):
        raise DataError(f"{what} is a {type(values).__name__}, which has no length: make it a list or an array first")
    if callable(getattr(values, "detach", None)):
        values = values.detach()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):  # asarray would take what lies below the mask
        masked = int(np.ma.getmaskarray(values).sum())
        raise DataError(f"{what} has {masked} masked values: give NaN (None in labels) where one is missing")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{what} cannot be an array ({error}): all rows need the same shape") from error
    if not array.ndim:
        raise DataError(f"{what} is a {type(values).__name__}, which has no rows: give a list or an array")
    return array


def as_inputs(inputs: Any, name: str) -> tuple[Inputs, int]:
    """Return the inputs of array data, and how many rows there are.

    Args:
        inputs: (N, F) of numbers, which are feature columns, sparse ones too; (N, ...), or arrays by the name of the
            model's input.
        name: of the data, in messages.

    Raises:
        DataError: they are no numbers, not as many as each other, or not finite.
    """
    if isinstance(inputs, Mapping):
        arrays = {
            str(key): _numbers(as_array(value, f"{name}: {key}"), f"{name}: {key}") for key, value in inputs.items()
        }
        if not arrays:
            raise DataError(f"{name}: the dict of inputs is empty: give arrays by the name of the model's input")
        lengths = {key: len(values) for key, values in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise DataError(f"{name}: the arrays have other numbers of rows ({lengths}): a row needs all of them")
        return Arrays(arrays), next(iter(lengths.values()))
    if callable(getattr(inputs, "tocsr", None)):
        return sparse_columns(inputs, f"{name}: X"), inputs.shape[0]
    values = as_array(inputs, f"{name}: X")
    if not values.size:
        raise DataError(f"{name}: X has the shape {values.shape}: there is nothing to train on")
    if values.ndim != 2:
        return Arrays({"x": _numbers(values, f"{name}: X")}), len(values)
    return feature_columns(values, f"{name}: X"), len(values)


def sparse_columns(matrix: Any, what: str) -> SparseColumns:
    """Return a sparse matrix of SciPy (N, F) as columns f0, f1, ..., kept sparse.

    Raises:
        DataError: it has no cells, no numbers, or some that are not finite.
    """
    if matrix.dtype.kind not in "biuf" or len(matrix.shape) != 2 or not all(matrix.shape):
        raise DataError(f"{what} is a sparse {matrix.dtype} matrix of shape {matrix.shape}: give rows of numbers")
    rows = matrix.tocsr().astype(np.float64)  # a copy
    rows.sum_duplicates()
    sparse = SparseColumns(rows.data, rows.indices.astype(np.int32), rows.indptr.astype(np.int64), matrix.shape[1])
    wrong_P = ~np.isfinite(sparse.values_P)
    if wrong_P.any():
        row = sparse.row_of(int(wrong_P.argmax())) + 1
        raise DataError(f"{what} is NaN or infinite in row {row}: repair or leave it out")
    return sparse


def feature_columns(values_NF: NDArray[Any], what: str, columns: Sequence[str] | None = None) -> TableColumns:
    """Return numbers (N, F) as feature columns x0, x1, ...; NaN is a missing value.

    Raises:
        DataError: they are no numbers, or infinite.
    """
    if values_NF.dtype.kind not in "biuf":
        raise DataError(f"{what} holds {values_NF.dtype} values: for columns of several kinds give a frame")
    numbers_NF = np.asarray(values_NF, dtype=np.float64)
    _require(~np.isinf(numbers_NF), what, "infinite")
    names = tuple(f"x{place}" for place in range(numbers_NF.shape[1])) if columns is None else tuple(columns)
    return TableColumns(numbers_NF, np.empty((len(numbers_NF), 0), dtype=object), names)


def _numbers(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Return what a model is given: float32, whole numbers as int64 (but bytes, which are pixels, as float32)."""
    first = values[0] if values.ndim == 1 and values.size else None
    if isinstance(first, str):  # in an array of texts or, as of pandas, of objects
        raise DataError(f"{what} holds text: give texts(X, y) of this module")
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{what} holds {values.dtype} values of shape {values.shape}: give numbers, one row after the other"
        )
    if values.dtype.kind == "f":
        _require(np.isfinite(values), what, "NaN or infinite")
    if values.dtype.kind == "f" or values.dtype == np.uint8:
        return values.astype(np.float32, copy=False)
    return values if values.dtype.kind == "b" else values.astype(np.int64, copy=False)


def _require(sound: NDArray[np.bool_], what: str, problem: str) -> None:
    """Refuse the first row with a value that is not sound."""
    if not sound.all():
        rows = np.flatnonzero(~sound.reshape(len(sound), -1).all(axis=1))
        raise DataError(f"{what} is {problem} in row {rows[0] + 1} ({len(rows)} such rows): repair or leave them out")
