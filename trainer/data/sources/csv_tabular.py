"""Numeric and categorical features with labels from a table file (CSV, TSV, Parquet, JSON lines)."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.features import MISSING, read_features
from trainer.data.columns.labels import read_labels
from trainer.data.columns.roles import Names
from trainer.data.columns.rows import assign_roles, read_rows
from trainer.data.readers.tables import read_table
from trainer.data.samples import DataSpec, Samples


def load_csv_tabular(
    path: str,
    *,
    label: Names,
    numeric: Names | None = None,
    categorical: Names | None = None,
    drop: Names = (),
    id: str | None = None,
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    label_delimiter: str | None = None,
    task: str | None = None,
    missing: Sequence[object] = MISSING,
) -> tuple[Samples, DataSpec]:
    """Load features and labels; one argument per line of conf/data/csv_tabular.yaml.

    Every column without another role is a feature: numeric where all its cells are numbers, else categorical.

    Args:
        path: table file; its ending says how it is read.
        label: one column, several columns of 0/1 (multi-label), or a pattern such as ``label:*``.
        numeric: columns that must be numbers (the others are still found).
        categorical: columns taken as categories even where they look like numbers (likewise).
        drop: columns to leave out; patterns such as ``raw_*`` work.
        id: column with unique row names; None = row numbers from 0.
        weight: column with sample weights.
        group: column with the group of each row.
        time: column with a number, a date or an ISO time for each row.
        split: column with the fold of each row, or train / test.
        encoding: of the file.
        delimiter: between cells; None = by the file's ending.
        label_delimiter: between the labels of one cell (multi-label), such as ``|``.
        task: binary, multiclass or multilabel; None = inferred.
        missing: cells that mean "no value" in feature columns; never applied to labels.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    table = read_table(path, encoding, delimiter)
    single = {"id": id, "weight": weight, "group": group, "time": time, "split": split}
    others = {"numeric": numeric, "categorical": categorical, "drop": drop}
    roles = assign_roles(table, path, label=label, single=single, others=others)
    labels = read_labels(table, roles.label, path, label_delimiter=label_delimiter, task=task)
    rows = read_rows(table, roles, path)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    del table
    inputs, notes = read_features(
        columns,
        path,
        free=roles.free,
        numeric=roles.others["numeric"],
        categorical=roles.others["categorical"],
        missing=missing,
    )
    pa.default_memory_pool().release_unused()
    samples = Samples(inputs=inputs, target=labels.target, **rows)
    return samples, DataSpec(Path(path).stem, labels.task, labels.classes, (*labels.notes, *notes))
