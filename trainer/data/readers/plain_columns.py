"""Columns of Arrow, Parquet and frames as every reader gives them: one type for each kind of value."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column

LISTS_OF_OTHER_FORM = ("is_large_list", "is_list_view", "is_large_list_view", "is_fixed_size_list")


def plain_table(table: pa.Table, file: Path | str) -> pa.Table:
    """Return categories as their values, text of any width as text, lists of any form as lists, and no metadata.

    Args:
        table: as it was read; nothing of it is trusted to be sound.
        file: named in messages.

    Raises:
        DataError: a column is damaged, or holds text that is not UTF-8; names it.
    """
    for place, name in enumerate(table.column_names):
        try:
            table.column(place).validate(full=True)
            table = table.set_column(place, name, plain_column(table.column(place)))
        except (pa.ArrowException, IndexError) as problem:
            raise DataError(f"{file}: column '{shown(name, 60)}' is damaged ({shown(str(problem), 160)})") from problem
    return table.replace_schema_metadata(None)


def plain_column(column: Any) -> Any:
    """Return a column or array of values in their plain type; pandas' periods and intervals as they are stored."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain_column(column.cast(kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _decoded(column)
    if pa.types.is_run_end_encoded(kind):
        return plain_column(pc.call_function("run_end_decode", [column]))
    if pa.types.is_list(kind) or any(getattr(pa.types, name)(kind) for name in LISTS_OF_OTHER_FORM):
        return _plain_lists(column)
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return _narrow(column)
    return _as_text(column) if pa.types.is_binary(kind) or _is_other_binary(kind) else column


def _narrow(column: Any) -> Any:
    """Return long text as text, but for one chunk of over 2 GiB, which only the long type holds."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return column.cast(pa.large_string())


def _decoded(column: Any) -> Any:
    """Return the values of categories; polars has them as views of text, of which Arrow decodes none itself."""
    chunks: list[Any] = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values: list[Column] = [plain_column(chunk.dictionary).take(chunk.indices) for chunk in chunks]
    if not isinstance(column, pa.ChunkedArray):
        return values[0]
    return pa.chunked_array(values, None if values else pa.string())


def _plain_lists(column: Any) -> Any:
    """Return lists of plain values; those of one form and of text alone are left as they are."""
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return column
    kind: Any = pa.list_(column.type.value_type)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    lists: list[Any] = [_plain_list(chunk.cast(kind)) for chunk in chunks]
    if not isinstance(column, pa.ChunkedArray):
        return lists[0]
    return pa.chunked_array(lists, None if lists else kind)


def _plain_list(lists: Any) -> Any:
    return lists_like(lists, plain_column(pc.list_flatten(lists)))


def lists_like(lists: Any, values: Any) -> Any:
    """Return lists of the same lengths, null where those are, of other values."""
    lengths: Any = pc.fill_null(pc.list_value_length(lists), 0)
    offsets: Any = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, values, mask=lists.is_null() if lists.null_count else None)


def _is_other_binary(kind: Any) -> bool:
    return bool(pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _as_text(column: Any) -> Any:
    """Return bytes that are UTF-8 as text, as old writers of Parquet mean them; other bytes as they are."""
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowException:
        return column
