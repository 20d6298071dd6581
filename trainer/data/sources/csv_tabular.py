"""Numeric and categorical features with labels from a table file."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.features import MISSING, read_features
from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.reading import TABLE, reading_of
from trainer.data.columns.rows import assign_roles, labels_of, read_rows
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.tables import open_columns, open_table
from trainer.data.readers.unpacked import table_name
from trainer.data.samples import DataSpec, Samples, SparseColumns, TableColumns
from trainer.data.sources.excluded import without_excluded
from trainer.system.paths import PathText


def load_csv_tabular(
    path: PathText,
    columns: ColumnOptions,
    *,
    numeric: Names | None = None,
    categorical: Names | None = None,
    drop: Names = (),
    missing: Sequence[object] = MISSING,
    numbers: str = "read",
    in_memory: bool = True,
    cache_dir: Path | None = None,
) -> tuple[Samples, DataSpec]:
    """Load features and labels; its options are the arguments and the fields of ``columns``.

    Every column without another role is a feature: numeric where all its cells are numbers, else categorical.

    Args:
        path: table file; its ending says how it is read.
        columns: what the columns are, and how the file is written.
        numeric: columns that must be numbers (the others are still found).
        categorical: columns taken as categories even where they look like numbers (likewise).
        drop: columns to leave out; patterns such as ``raw_*`` work.
        missing: cells that mean "no value" in feature columns; never applied to labels.
        numbers: ``read`` percentages, money, thousands, decimal commas, true/false and dates where all cells of a
            column agree, and say so, or refuse them (``strict``).
        in_memory: hold all features in memory; false = write them, column by column, to files without a name in
            ``cache_dir`` and map those.
        cache_dir: on the disk that has room for that; None = where temporary files go.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    return table_samples(  # the table is held by nobody else: its columns are let go of as they are read
        open_table(path, columns) if in_memory else open_columns(path, columns),
        path,
        columns,
        numeric=numeric,
        categorical=categorical,
        drop=drop,
        missing=missing,
        numbers=numbers,
        scratch=None if in_memory else cache_dir or Path(tempfile.gettempdir()),
    )


def table_samples(
    opened: OpenTable,
    path: str,
    columns: ColumnOptions,
    *,
    numeric: Names | None = None,
    categorical: Names | None = None,
    drop: Names = (),
    missing: Sequence[object] = MISSING,
    numbers: str = "read",
    scratch: Path | None = None,
) -> tuple[Samples, DataSpec]:
    """Return features and labels of a table that was read; ``path`` names it in messages, the rest is as above.

    Features go to files in ``scratch`` where it is given; the rows are a ``LazyTable`` then.
    """
    columns = opened.complete(columns)
    table, file_notes, delimiter = opened.rows, opened.notes, opened.delimiter
    codes, sparse = opened.known.get("categorical", ()), opened.sparse
    del opened
    others = {"numeric": numeric, "categorical": categorical, "drop": drop}
    roles = assign_roles(table, path, columns, others=others)
    labels = labels_of(table, roles, path, columns)
    rows = read_rows(table, roles, path, columns.spellings, scratch)
    cells: Any = dict(zip(table.column_names, table.columns, strict=True)) if scratch is None else table
    del table
    inputs: TableColumns | SparseColumns
    notes: tuple[str, ...]
    written: dict[str, str] = {}
    if sparse is not None:
        inputs, notes = sparse, (_sparse_note(sparse),)
    else:
        inputs, notes, written = read_features(
            cells,
            path,
            free=roles.free,
            numeric=roles.others["numeric"],
            categorical=(*roles.others["categorical"], *(name for name in codes if name in roles.free)),
            missing=missing,
            numbers=numbers,
            semicolon=delimiter == ";",
            scratch=scratch,
        )
    pa.default_memory_pool().release_unused()
    if isinstance(inputs, TableColumns) and scratch is not None:
        notes = (*notes, *_disk_notes(inputs, scratch))
    samples = Samples(inputs=inputs, target=labels.target, votes_NC=labels.votes_NC, **rows)
    notes = (*file_notes, *labels.notes, *notes)
    reading = reading_of(TABLE, columns, roles.label, written=written, missing=list(missing))
    spec = DataSpec(table_name(path), labels.task, labels.classes, notes, labels.positive_because, reading)
    return without_excluded(samples.only(~labels.left_out_N), spec, columns.exclude)


def _disk_notes(inputs: TableColumns, scratch: Path) -> tuple[str, ...]:
    n_rows, gib = len(inputs.numeric_NF), 2**30
    as_read = n_rows * (8 * len(inputs.numeric) + 4 * len(inputs.categorical)) / gib
    of_fold = n_rows * (4 * len(inputs.numeric) + 8 * len(inputs.categorical)) / gib
    return (
        f"features lie in {scratch} while the run lasts: {as_read:.1f} GiB, and {of_fold:.1f} GiB of each fold that "
        "trains; no baseline is fitted",
    )


def _sparse_note(sparse: SparseColumns) -> str:
    share = len(sparse.values_P) / ((len(sparse.offsets) - 1) * sparse.n_columns)
    return f"features: {sparse.n_columns} numeric, kept sparse ({share:.3%} of the cells are there)"
