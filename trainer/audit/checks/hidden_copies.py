"""Copies that a column naming the row hides: without it they are the same input."""

import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.audit.checks.duplicates import check_exact
from trainer.audit.checks.features import numbered_columns
from trainer.audit.clusters import copy_codes
from trainer.audit.duplicate_rows import input_codes
from trainer.audit.findings import Finding
from trainer.audit.split import Split
from trainer.data.columns.roles import settings
from trainer.data.samples import Samples, TableColumns
from trainer.tasks import Task

NAMED = re.compile(r"(?:^|[\W_])(?:id|idx|index|uuid|guid|key|row|rowid|rownum|no|nr)$|^unnamed: 0$")
MOSTLY = 0.5  # share of different values of a column that its name calls an id; fewer are a group


def check_hidden_copies(
    samples: Samples, table: TableColumns, exact_N: NDArray[np.int64], task: Task, split: Split | None
) -> list[Finding]:
    """Report rows that are copies of others but for columns that look like ids, besides those that are copies anyway.

    Args:
        samples: the rows.
        table: their inputs.
        exact_N: their ``copy_codes`` with all columns.
        task: for the option named.
        split: the folds, or None.
    """
    ids = id_like(table)
    without = _without(table, ids) if ids else None
    if without is None:
        return []
    bare = replace(samples, inputs=without)
    bare_N = copy_codes(bare, input_codes(without), None)
    known_N = np.bincount(exact_N)[exact_N] > 1
    bare_N[known_N] = bare_N.max() + 1 + np.arange(known_N.sum())  # they are told as they are
    named = ", ".join(f"'{name}'" for name in ids)
    what = f"column {named} (it looks like an id)" if len(ids) == 1 else f"columns {named} (they look like ids)"
    drop = settings("data.drop", list(ids))
    return [
        replace(
            found,
            kind="hidden_copies",
            severity=found.severity if any(ids.values()) else "warning",
            message=f"But for {what}: {found.message}",
            fix=f"{drop} {found.fix}",
        )
        for found in check_exact(without, bare_N, task, split)
    ]


def id_like(table: TableColumns) -> dict[str, bool]:
    """Return the columns that look like ids: each with another value in every row, or nearly so and named like one.

    Returns:
        By name, whether the name says so too; values alone may be those of a quantity.
    """
    numbered = numbered_columns(table)
    found = {}
    for name in (*table.numeric, *table.categorical):
        named = NAMED.search(_plain(name)) is not None
        if name in numbered or (named and _share_different(table, name) > MOSTLY):
            found[name] = named
    return found


def _plain(name: str) -> str:
    """Return a name in lower case, ``customerId`` as ``customer_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold().strip()


def _share_different(table: TableColumns, name: str) -> float:
    cells = (
        pa.array(table.numeric_NF[:, table.numeric.index(name)])
        if name in table.numeric
        else pa.array(table.categorical_NK[:, table.categorical.index(name)], pa.string())
    )
    return float(len(pc.unique(cells))) / max(len(cells), 1)


def _without(table: TableColumns, names: Collection[str]) -> TableColumns | None:
    """Return the table without these columns; None where nothing is left."""
    left = {*table.numeric, *table.categorical} - {*names}
    return table.without(names) if left else None
