"""One table of several files that belong together."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from trainer.errors import DataError


def joined_parts(tables: Sequence[pa.Table], parts: Sequence[Path]) -> pa.Table:
    """Return the rows of all parts, numbers of two widths as the wider one.

    Args:
        tables: the rows of each part.
        parts: their files, for messages.

    Raises:
        DataError: a part has other columns than the first, or one of another type; names both.
    """
    first = tables[0]
    for table, part in zip(tables[1:], parts[1:], strict=True):
        missing = [name for name in first.column_names if name not in table.column_names]
        further = [name for name in table.column_names if name not in first.column_names]
        if missing or further:
            said = f"no column '{missing[0]}'" if missing else f"a column '{further[0]}'"
            raise DataError(
                f"{part}: {said}, which {parts[0]} has{'' if missing else ' not'}: all parts need the same columns"
            )
    if all(table.schema.equals(first.schema) for table in tables):  # two columns of one name cannot be told apart below
        return pa.concat_tables(tables)
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as problem:
        raise _other_type(tables, parts, problem) from problem


def _other_type(tables: Sequence[pa.Table], parts: Sequence[Path], problem: Exception) -> DataError:
    for name in tables[0].column_names:
        seen = pa.schema([tables[0].schema.field(name).with_nullable(True)])
        for table, part in zip(tables, parts, strict=True):
            other = table.schema.field(name).with_nullable(True)
            try:
                seen = pa.unify_schemas([seen, pa.schema([other])], promote_options="permissive")
            except pa.ArrowException:
                return DataError(
                    f"{part}: column '{name}' is {other.type}, in the parts before ({parts[0]}) it is "
                    f"{seen.field(name).type}: all parts need the same types"
                )
    return DataError(f"{parts[0]}: the parts do not fit together ({problem})")
