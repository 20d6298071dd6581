"""Numeric and categorical features with labels from a table file (CSV, TSV, Parquet, JSON lines)."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.features import MISSING, read_features
from trainer.data.columns.labels import read_labels
from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.rows import assign_roles, read_rows
from trainer.data.readers.tables import read_table
from trainer.data.samples import DataSpec, Samples


def load_csv_tabular(
    path: str,
    columns: ColumnOptions,
    *,
    numeric: Names | None = None,
    categorical: Names | None = None,
    drop: Names = (),
    missing: Sequence[object] = MISSING,
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

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    table = read_table(path, columns.encoding, columns.delimiter)
    others = {"numeric": numeric, "categorical": categorical, "drop": drop}
    roles = assign_roles(table, path, columns, others=others)
    labels = read_labels(table, roles.label, path, label_delimiter=columns.label_delimiter, task=columns.task)
    rows = read_rows(table, roles, path)
    cells = dict(zip(table.column_names, table.columns, strict=True))
    del table
    inputs, notes = read_features(
        cells,
        path,
        free=roles.free,
        numeric=roles.others["numeric"],
        categorical=roles.others["categorical"],
        missing=missing,
    )
    pa.default_memory_pool().release_unused()
    samples = Samples(inputs=inputs, target=labels.target, **rows)
    return samples, DataSpec(Path(path).stem, labels.task, labels.classes, (*labels.notes, *notes))
