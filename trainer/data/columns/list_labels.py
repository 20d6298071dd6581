"""Labels in columns of lists, as Parquet, Arrow and JSON have them: several per row, or one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import is_blank, rows_listed, text_cells
from trainer.data.columns.unlabelled import left_out
from trainer.errors import DataError
from trainer.system.arrow_files import Column, as_numpy


@dataclass(frozen=True)
class LabelLists:
    """The labels of all lists of a column, one after the other.

    Attributes:
        texts_P: the labels as text.
        rows_P: whose label it is.
        left_out_N: (N,) whether a row has no label, as ``data.missing_labels`` says; it has none of the above.
        notes: what a person should know.
    """

    texts_P: Column
    rows_P: NDArray[np.int64]
    left_out_N: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    def one_each(self) -> bool:
        """Whether each row that is not left out has exactly one."""
        has = np.flatnonzero(~self.left_out_N)
        return len(has) == len(self.rows_P) and bool((has == self.rows_P).all())

    def cells(self) -> Column:
        """Return (N,) the one label of each row; null where it is left out."""
        places_N = np.cumsum(~self.left_out_N) - 1
        return self.texts_P.take(pa.array(places_N, mask=self.left_out_N))


def is_list(kind: Any) -> bool:
    """Return whether cells of this type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def read_lists(column: Column, name: str, file: Path | str, missing: Sequence[object]) -> LabelLists:
    """Return the labels of each row.

    Args:
        column: (N,) lists of text or whole numbers; an empty one has no label, which is valid.
        name: of the column, in messages.
        file: named in messages.
        missing: labels that mean "not labelled": a list with one of them is left out; null stands for a cell without
            a list, the empty text for it and for an empty list.

    Raises:
        DataError: a label is empty, or the lists name no labels.
    """
    lists: Column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(lists.type):
        lists = lists.cast(pa.list_(lists.type.value_type))
    n_rows = len(lists)
    lengths: Column = pc.list_value_length(lists)
    lengths_N = as_numpy(pc.fill_null(lengths, 0)).astype(np.int64)
    rows_P: NDArray[np.int64] = np.repeat(np.arange(n_rows), lengths_N)
    values: Column = pc.list_flatten(lists)
    _refuse_indicators(values, rows_P, lengths_N, name, file)
    texts_P = text_cells(pa.table({name: values}), name, file)
    if isinstance(texts_P, pa.ChunkedArray):
        texts_P = texts_P.combine_chunks()
    texts_P = texts_P.cast(pa.string())
    left_out_N: NDArray[np.bool_] = np.zeros(n_rows, dtype=bool)
    left_out_N[rows_P[left_out(texts_P, missing)]] = True
    nulls_N = as_numpy(lists.is_null())
    if "" in missing:
        left_out_N |= lengths_N == 0
    if None in missing or "null" in missing:
        left_out_N |= nulls_N
    _refuse_blank(texts_P, rows_P, left_out_N, name, file)
    kept_P = ~left_out_N[rows_P]
    notes = _null_note(nulls_N & ~left_out_N, name)
    return LabelLists(texts_P.filter(pa.array(kept_P)), rows_P[kept_P], left_out_N, notes)


def _refuse_indicators(
    values: Column, rows_P: NDArray[np.int64], lengths_N: NDArray[np.int64], name: str, file: Path | str
) -> None:
    """Refuse lists of 0/1, one for each label: as labels they would all be "0" and "1"."""
    kind = values.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)) or not len(values):
        return
    numbers: Column = pc.cast(values, pa.float64())
    numbers_P = as_numpy(pc.fill_null(numbers, 0.0))
    longest = int(lengths_N.max())
    same_length = bool((lengths_N[lengths_N > 0] == longest).all())
    if pa.types.is_boolean(kind) or (longest > 1 and same_length and bool(np.isin(numbers_P, (0, 1)).all())):
        raise DataError(
            f"{file}: column '{name}' has lists of {longest} times 0 or 1 (row {rows_P[0] + 1}), which name no labels: "
            "write one column for each label (data.label=[a,b,...]), or lists of the labels that hold"
        )


def _null_note(nulls_N: NDArray[np.bool_], name: str) -> tuple[str, ...]:
    """Say that rows without a list were read as rows without a label."""
    if not nulls_N.any():
        return ()
    return (
        f"no list at all in column '{name}' in {rows_listed(nulls_N)}: read as no label, like []; if they are not "
        "labelled, leave them out with data.missing_labels=[null]",
    )


def _refuse_blank(
    texts_P: Column, rows_P: NDArray[np.int64], left_out_N: NDArray[np.bool_], name: str, file: Path | str
) -> None:
    blank_N = np.zeros_like(left_out_N)
    blank_N[rows_P[is_blank(texts_P)]] = True
    blank_N &= ~left_out_N
    if blank_N.any():
        raise DataError(
            f"{file}: an empty label among those of column '{name}' in {rows_listed(blank_N)}: take it out, or leave "
            "these rows out with \"data.missing_labels=['']\""
        )
