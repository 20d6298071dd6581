"""Columns that look like a group or a split: features, or read by nothing, while the folds know nothing of them."""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.findings import Finding
from trainer.data.columns.roles import setting
from trainer.data.columns.unread import GROUP_NAME, SPLIT_NAME
from trainer.data.samples import Samples, TableColumns
from trainer.errors import shown
from trainer.system.part_words import PART_WORDS, part_word
from trainer.tasks import of_target

LEAST_VALUES, LEAST_REPEATS = 3, 2.0  # of a group: values, and rows of each on average
MOST_FOLDS = 50


Cells = NDArray[np.float64] | NDArray[np.object_]


def named_columns(samples: Samples) -> TableColumns:
    """Return the columns that may be a group or a split: features or, of texts and images, such as nothing reads."""
    nothing = TableColumns(np.empty((len(samples), 0)), np.empty((len(samples), 0), dtype=object), (), ())
    return samples.inputs if isinstance(samples.inputs, TableColumns) else samples.beside or nothing


def check_unused_columns(samples: Samples, table: TableColumns, *, are_features: bool = True) -> list[Finding]:
    """Report columns that look like a split, and where no group is given like a group.

    Args:
        samples: all rows.
        table: the columns.
        are_features: whether they are what is learnt from; else no option names them.
    """
    findings, role = [], "is a feature" if are_features else "no option names it"
    for name, cells_N in split_columns(samples, table).items():
        parts = ", ".join(sorted({str(cell) for cell in cells_N})[:4])
        said = f"Column '{shown(name, 40)}' ({shown(parts, 40)}) looks like a split, and {role}."
        fix = f"{setting('data.split', name)} cv=predefined"
        findings.append(Finding("split_column", "warning", said, fix=_or_drop(fix, name, are_features)))
    for name, cells_N in group_columns(samples, table).items():
        n_values = len(np.unique(cells_N.astype(np.str_)))
        said = (
            f"Column '{shown(name, 40)}' has {n_values:,} values in {len(cells_N):,} rows and looks like a group, and "
            f"{role}: rows of one value are on both sides of random folds."
        )
        fix = _or_drop(f"{setting('data.group', name)} cv={of_target(samples.target).grouped}", name, are_features)
        findings.append(Finding("group_column", "warning", said, n_rows=len(cells_N), fix=fix))
    return findings


def _or_drop(fix: str, name: str, is_feature: bool) -> str:
    return f"{fix}, or {setting('data.drop', name, in_list=True)}" if is_feature else fix


def split_columns(samples: Samples, table: TableColumns) -> dict[str, Cells]:
    """Return the feature columns that look like a split, none where one is given."""
    if samples.split_N is not None:
        return {}
    return {name: cells_N for name, cells_N in _columns(table).items() if _is_split(name, cells_N)}


def group_columns(samples: Samples, table: TableColumns) -> dict[str, Cells]:
    """Return the feature columns that look like a group, none where one is given."""
    if samples.groups_N is not None:
        return {}
    named = {name: cells_N for name, cells_N in _columns(table).items() if GROUP_NAME.fullmatch(name)}
    splits = split_columns(samples, table)
    return {name: cells_N for name, cells_N in named.items() if name not in splits and _repeats(cells_N)}


def _columns(table: TableColumns) -> dict[str, Cells]:
    columns: dict[str, Cells] = dict(zip(table.numeric, table.numeric_NF.T, strict=True))
    return {**columns, **dict(zip(table.categorical, table.categorical_NK.T, strict=True))}


def _is_split(name: str, cells_N: Cells) -> bool:
    if cells_N.dtype == object:
        if not _words(cells_N[:1000]) <= PART_WORDS:
            return False
        words = _words(cells_N)  # of all rows: those of train often come first
        return len(words) > 1 and words <= PART_WORDS
    if not SPLIT_NAME.fullmatch(name):
        return False
    values = np.unique(cells_N[~np.isnan(cells_N)])  # some may be empty, as where tables were merged
    if not 1 < len(values) <= MOST_FOLDS:
        return False
    return bool((values == np.arange(len(values)) + round(values[0])).all())


def _words(cells_N: Cells) -> set[str]:
    return {part_word(str(cell)) for cell in cells_N if cell is not None and cell != ""}


def _repeats(cells_N: Cells) -> bool:
    n_values = len(np.unique(cells_N.astype(np.str_)))
    return n_values >= LEAST_VALUES and len(cells_N) >= LEAST_REPEATS * n_values
