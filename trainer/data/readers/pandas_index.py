"""The index of a frame that pandas wrote to Parquet or Feather: no feature; the ids, where it has a name."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.readers.contract import OpenTable
from trainer.system.arrow_files import Column


def without_index(table: pa.Table, schema: pa.Schema) -> OpenTable:
    """Return the columns without a nameless index; one that has a name, and another value in each row, is the ids.

    Args:
        table: the rows.
        schema: as it is in the file, with what pandas says there.
    """
    saved = [name for name in table.column_names if name.startswith("__index_level_")]
    notes = ("the row names that pandas saved are no column: left out",) if saved else ()
    if saved and len(saved) < table.num_columns:
        table = table.drop_columns(saved)
    named = _named_index(table, schema)
    if named is None:
        return OpenTable(table, notes=notes)
    name, cells = named
    if name not in table.column_names:
        table = table.append_column(name, cells)
    return OpenTable(table, notes=(*notes, f"the index of pandas, '{name}', has the ids"), known={"id": name})


def _named_index(table: pa.Table, schema: pa.Schema) -> tuple[str, Column] | None:
    """Return the name and the values of an index with a name that can be ids."""
    entries = _metadata(schema).get("index_columns")
    if not isinstance(entries, list) or len(entries) != 1:
        return None
    [entry] = entries
    if isinstance(entry, str):
        return (entry, table[entry]) if entry in table.column_names and _names_rows(table[entry]) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    if not name or name in table.column_names:
        return None
    try:
        numbers = range(entry["start"], entry["stop"], entry["step"])  # of one step: no column, three numbers
    except (KeyError, TypeError, ValueError):
        return None
    return (str(name), pa.array(numbers, pa.int64())) if len(numbers) == table.num_rows else None


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    try:
        said = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _names_rows(cells: Column) -> bool:
    is_name = pa.types.is_string(cells.type) or pa.types.is_integer(cells.type)
    return is_name and not cells.null_count and len(pc.unique(cells)) == len(cells)
