"""Labels that the library datasets keeps as numbers beside the names of the classes: read as the names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.list_labels import is_list
from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import rows_listed
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.plain_columns import lists_like
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

UNLABELLED = "-1"  # what datasets writes where a row has no label, as in GLUE's tests
SEQUENCES = ("Sequence", "List", "LargeList")


def features_of(schema: pa.Schema) -> Mapping[str, Any]:
    """Return what the library datasets says of the columns in a file that it wrote; else nothing."""
    try:
        said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = said["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def with_class_names(
    opened: OpenTable, features: Mapping[str, Any], file: Path | str, columns: ColumnOptions, *, first_row: int = 0
) -> OpenTable:
    """Return the table with the names of the classes; the only such column is the label.

    Args:
        opened: the rows, with the numbers of classes.
        features: what the library says of each column.
        file: named in messages.
        columns: whose label may have rows without one: they are left out.
        first_row: number in the file of the first of the rows, from 0.

    Raises:
        DataError: a number is none of a class; names its row.
    """
    names = {name: found for name in opened.rows.column_names if (found := _class_names(features.get(name)))}
    if not names:
        return opened
    table, known, notes = opened.rows, dict(opened.known), []
    if len(names) == 1:
        known.setdefault("label", next(iter(names)))
    labels = OpenTable(table, known=known).complete(columns).labels
    for name, classes in names.items():
        cells = _named(
            table[name], classes, f"{file}: column '{name}'", is_label=labels == (name,), first_row=first_row
        )
        if labels == (name,) and _has_unlabelled(cells):
            known["missing_labels"] = (UNLABELLED,)
        table = table.set_column(table.column_names.index(name), name, cells)
        notes.append(f"column '{name}' has classes by number: read as their names ({shown(', '.join(classes), 100)})")
    return OpenTable(table, opened.delimiter, (*opened.notes, *notes), known)


def _class_names(feature: Any) -> tuple[str, ...]:
    """Return the names of a column of classes, or of lists of classes; () for any other."""
    if isinstance(feature, list) and len(feature) == 1:  # as older versions write a sequence
        return _class_names(feature[0])
    if not isinstance(feature, dict):
        return ()
    if feature.get("_type") in SEQUENCES:
        return _class_names(feature.get("feature"))
    names = feature.get("names")
    is_classes = feature.get("_type") == "ClassLabel" and isinstance(names, list)
    return tuple(map(str, names)) if is_classes and isinstance(names, list) else ()


def _named(column: Column, classes: tuple[str, ...], place: str, *, is_label: bool, first_row: int = 0) -> Column:
    """Return numbers, or lists of them, as names; -1 as text where it is a label, else as no value."""
    cells: Column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if is_list(cells.type):
        return lists_like(cells, _named(pc.list_flatten(cells), classes, place, is_label=is_label))
    if not pa.types.is_integer(cells.type):
        return column
    codes_N = as_numpy(pc.fill_null(cells.cast(pa.int64()), -1))
    wrong_N = (codes_N < -1) | (codes_N >= len(classes))
    if wrong_N.any():
        raise DataError(
            f"{place} has class {codes_N[int(wrong_N.argmax())]} in {rows_listed(wrong_N, first_row)}, the file "
            f"names {len(classes)} classes (0 to {len(classes) - 1})"
        )
    words: Column = pa.array([*classes, UNLABELLED if is_label else None], pa.string())
    return words.take(pa.array(np.where(codes_N < 0, len(classes), codes_N)))


def _has_unlabelled(cells: Column) -> bool:
    values: Column = pc.list_flatten(cells) if is_list(cells.type) else cells
    unlabelled: Column = pc.equal(values, pa.scalar(UNLABELLED))
    return bool(pc.any(unlabelled).as_py())
