"""Whether a table fits in memory, asked before it is read; and what a table that stays on the disk goes with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.find import find_reader
from trainer.data.readers.formats import parquet
from trainer.errors import FoldwiseError
from trainer.system.resources import available_bytes

TABLE = "trainer.data.preprocess.table.TablePreprocess"
CELL_BYTES = 16  # of a feature at the peak: as read, and as it is brought beside the others or given to the model
ROW_BYTES = 200  # of the rest of a row: id, label, weight, folds, and what is made of them (docs/record/growth.md)
GIB = 2**30


def table_problems(data: Mapping[str, Any], unlabelled: str | None) -> list[str]:
    """Return what contradicts ``data.in_memory=false``.

    Args:
        data: the section of a configuration.
        unlabelled: file of rows to be labelled, or None.
    """
    if data.get("in_memory") is not False:
        return []
    problems, preprocess = [], (data.get("preprocess") or {}).get("_target_", TABLE)
    if preprocess != TABLE and str(preprocess).startswith("trainer."):
        problems.append(
            "data.in_memory=false goes with data/preprocess=table, which takes some rows at a time: use that, or "
            "data.in_memory=true"
        )
    if unlabelled is not None:
        problems.append("pseudo.path needs the labelled rows in memory beside the others: set data.in_memory=true")
    return problems


def memory_notes(data: Mapping[str, Any]) -> list[str]:
    """Say that a Parquet table will not fit in memory, where the ends of its files say so."""
    path = data.get("path")
    if data.get("in_memory") is not True or not isinstance(path, str) or not Path(path).exists():
        return []
    try:
        if find_reader(Path(path), ColumnOptions(format=data.get("format"))).NAME != parquet.NAME:
            return []
        n_rows, n_columns = parquet.shape_of(Path(path))
    except FoldwiseError:  # it is told where the file is read
        return []
    need, free = n_rows * (CELL_BYTES * n_columns + ROW_BYTES), available_bytes()
    if need <= free:
        return []
    return [
        f"{path}: {n_rows:,} rows and {n_columns} columns take about {need / GIB:.1f} GiB of memory, and "
        f"{free / GIB:.1f} GiB are free: data.in_memory=false leaves them on the disk"
    ]
