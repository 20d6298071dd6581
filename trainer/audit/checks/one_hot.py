"""Feature columns that are the other classes of the label, which was written as a column of 0 and 1 for each class."""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.findings import Finding
from trainer.data.columns.roles import settings
from trainer.data.samples import DataSpec, TableColumns
from trainer.errors import shown
from trainer.tasks import Target
from trainer.wording.lists import first_few

HEAD_ROWS = 1_000  # say of most columns that they are none
FEWEST = 2  # a single one tells the label by itself, which another check finds


def check_one_hot(table: TableColumns, target: Target, spec: DataSpec) -> list[Finding]:
    """Report columns of 0 and 1 that, together with the label, have exactly one 1 in every row.

    Args:
        table: the features.
        target: (N,) class index; of other tasks than two classes nothing is reported.
        spec: the label texts.
    """
    if not spec.task.one_class_each or len(spec.classes) != FEWEST or not len(target):
        return []
    found: dict[str, NDArray[np.bool_]] = {}
    label_N = target == 1
    for name, values_N in zip(table.numeric, table.numeric_NF.T, strict=True):
        if all(_may_be_beside(values_N[:n], label_N[:n]) for n in (HEAD_ROWS, len(values_N))) and values_N.any():
            found[name] = values_N == 1
    if len(found) < FEWEST or (sum(found.values(), start=label_N.astype(np.int64)) != 1).any():
        return []
    names = list(found)
    listed = shown(first_few(list(map(repr, names))), 160)
    said = (
        f"In every row exactly one of the label and the columns {listed} is 1: "
        "together they tell the label, as columns of one label of several classes do."
    )
    return [Finding("label_column", "leak", said, n_rows=len(target), fix=settings("data.drop", names))]


def _may_be_beside(values_N: NDArray[np.float64], label_N: NDArray[np.bool_]) -> bool:
    """Whether all values are 0 and 1, and none is 1 where the label is."""
    is_one_N = values_N == 1
    return bool((is_one_N | (values_N == 0)).all()) and not bool((is_one_N & label_N).any())
