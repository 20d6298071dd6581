"""The index of a frame that pandas wrote to Parquet or Feather: no feature; the ids, where it has a name."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.readers.contract import OpenTable
from trainer.system.arrow_files import Column

LEFT_OUT = "the row names that pandas saved are no column: left out"
HAS_IDS = "the index of pandas, '{name}', has the ids"


def without_index(table: pa.Table, schema: pa.Schema) -> OpenTable:
    """Return the columns without a nameless index; one that has a name, and another value in each row, is the ids.

    Args:
        table: the rows.
        schema: as it is in the file, with what pandas says there.
    """
    saved = saved_index(table.column_names)
    notes = (LEFT_OUT,) if saved else ()
    if saved and len(saved) < table.num_columns:
        table = table.drop_columns(saved)
    named = _named_index(table, schema)
    if named is None:
        return OpenTable(table, notes=notes)
    name, cells = named
    if name not in table.column_names:
        table = table.append_column(name, cells)
    return OpenTable(table, notes=(*notes, HAS_IDS.format(name=name)), known={"id": name})


def saved_index(names: Sequence[str]) -> list[str]:
    """Return the columns of an index without a name."""
    return [name for name in names if name.startswith("__index_level_")]


def _named_index(table: pa.Table, schema: pa.Schema) -> tuple[str, Column] | None:
    """Return the name and the values of an index with a name that can be ids."""
    entries = _metadata(schema).get("index_columns")
    if not isinstance(entries, list) or len(entries) != 1:
        return None
    [entry] = entries
    if isinstance(entry, str):
        return (entry, table[entry]) if entry in table.column_names and _names_rows(table[entry]) else None
    numbered = numbered_index(table.column_names, schema, table.num_rows)
    return None if numbered is None else (numbered[0], pa.array(numbered[1], pa.int64()))


def numbered_index(names: Sequence[str], schema: pa.Schema, n_rows: int) -> tuple[str, range] | None:
    """Return the name and the values of an index of numbers of one step, of which the file has no column.

    Args:
        names: of the columns.
        schema: with what pandas says.
        n_rows: of the table.
    """
    entries = _metadata(schema).get("index_columns")
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
    name = entry.get("name") if isinstance(entry, dict) else None
    if entry is None or not name or name in names:
        return None
    try:
        numbers = range(entry["start"], entry["stop"], entry["step"])
    except (KeyError, TypeError, ValueError):
        return None
    return (str(name), numbers) if len(numbers) == n_rows else None


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    try:
        said = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _names_rows(cells: Column) -> bool:
    is_name = pa.types.is_string(cells.type) or pa.types.is_integer(cells.type)
    return is_name and not cells.null_count and len(pc.unique(cells)) == len(cells)
