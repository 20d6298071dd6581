"""What every table source shares: which column does what; ids, weights, groups and given folds by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.encoded_labels import Labels
from trainer.data.columns.labels import read_labels
from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.roles import check_roles, find_columns, is_blank, rows_listed, text_cells
from trainer.data.columns.spellings import joined_groups, require_distinct
from trainer.data.columns.times import read_times
from trainer.data.columns.votes import read_votes, votes_note
from trainer.errors import ConfigError, DataError, shown
from trainer.system.arrow_files import as_numpy, as_words
from trainer.system.mapped_arrays import filled

SINGLE = ("id", "weight", "votes", "group", "time", "split")  # roles of one column


@dataclass(frozen=True)
class Roles:
    """Which columns do what.

    Attributes:
        label: one column, or several of 0/1.
        id: names the rows, or None.
        weight: sample weights, or None.
        votes: how many people gave each class, or None.
        group: rows that belong together, or None.
        time: when each row happened, or None.
        split: the fold of each row, or None.
        others: by option, in the order given: feature columns and columns to leave out.
        free: columns no option names.
    """

    label: tuple[str, ...]
    id: str | None
    weight: str | None
    votes: str | None
    group: str | None
    time: str | None
    split: str | None
    others: dict[str, tuple[str, ...]]
    free: tuple[str, ...]


def assign_roles(
    table: pa.Table,
    file: Path | str,
    columns: ColumnOptions,
    *,
    others: Mapping[str, Names | None],
) -> Roles:
    """Find every column an option names.

    Args:
        table: all columns.
        file: named in messages.
        columns: the columns of the roles that every table has.
        others: columns by further option.

    Raises:
        DataError: a column is missing.
        ConfigError: two options name one column, or no label is named.
    """
    have = table.column_names
    single = {role: getattr(columns, role) for role in SINGLE}
    named = {"label": columns.label, **single, **others}
    found = {f"data.{key}": find_columns(names, have, file, f"data.{key}") for key, names in named.items()}
    if not found["data.label"]:
        raise ConfigError("data.label names no column: give the column that holds the labels")
    for key in (f"data.{name}" for name in single):
        if len(found[key]) > 1:
            raise ConfigError(f"{key} names several columns ({', '.join(found[key])}): give one")
    check_roles(found)
    taken = {name for names in found.values() for name in names}
    return Roles(
        label=found["data.label"],
        **{name: _only(found[f"data.{name}"]) for name in single},
        others={key: found[f"data.{key}"] for key in others},
        free=tuple(name for name in have if name not in taken),
    )


def labels_of(table: pa.Table, roles: Roles, file: Path | str, columns: ColumnOptions) -> Labels:
    """Return the labels that the options say, and the votes for them; as ``read_labels`` and ``read_votes``."""
    labels = read_labels(
        table,
        roles.label,
        file,
        label_delimiter=columns.label_delimiter,
        task=columns.task,
        spellings=columns.spellings,
        missing=columns.missing_labels,
        positive=columns.positive,
        class_order=columns.class_order,
    )
    if roles.votes is None:
        return labels
    votes_NC = read_votes(table, roles.votes, file, labels)
    note = votes_note(votes_NC[~labels.left_out_N], roles.votes)
    return replace(labels, votes_NC=votes_NC, notes=(*labels.notes, note))


def _only(names: Sequence[str]) -> str | None:
    return names[0] if names else None


def read_rows(
    table: pa.Table, roles: Roles, file: Path | str, spellings: str = "refuse", scratch: Path | None = None
) -> dict[str, Any]:
    """Return what ``Samples`` holds of each row besides inputs and target.

    Args:
        table: all columns.
        roles: which do what.
        file: named in messages.
        spellings: of one id or group: ``refuse``, ``join`` or ``apart``.
        scratch: folder of files for what is text; None = it is held in memory.

    Raises:
        DataError: a cell is missing or cannot be read; names its row.
    """
    return {
        "ids_N": read_ids(table, roles.id, file, spellings, scratch),
        "weights_N": read_row_weights(table, roles.weight, file),
        "groups_N": read_groups(table, roles.group, file, spellings, scratch),
        "times_N": read_times(table, roles.time, file),
        "split_N": read_split_cells(table, roles.split, file, scratch),
    }


def read_ids(
    table: pa.Table, column: str | None, file: Path | str, spellings: str = "refuse", scratch: Path | None = None
) -> NDArray[np.str_]:
    """Return the row names (N,): the id column, or "0", "1", ... in file order.

    Raises:
        DataError: an id is missing or occurs twice, be it in two writings.
    """
    if column is None:
        return _row_numbers(table.num_rows, scratch)
    cells = text_cells(table, column, file)
    missing = is_blank(cells)
    if missing.any():
        raise DataError(f"{file}: no id in column '{column}' in {rows_listed(missing)}: fill in, or data.id=null")
    counts = pc.value_counts(cells)
    repeated = counts.filter(pc.greater(counts.field("counts"), pa.scalar(1))).field("values")
    if len(repeated):
        first = repeated[0].as_py()
        places = rows_listed(as_numpy(pc.equal(cells, first)))
        more = f" (and {len(repeated) - 1} more ids)" if len(repeated) > 1 else ""
        raise DataError(
            f"{file}: duplicate id '{shown(first)}' in column '{column}': {places}{more}\n"
            "ids name one row each: repair them, or set data.id=null to number the rows"
        )
    require_distinct(cells, column, file, spellings)
    return as_words(cells, scratch)


def _row_numbers(n_rows: int, scratch: Path | None) -> NDArray[np.str_]:
    def fill(start: int, out_B: NDArray[np.str_]) -> None:
        out_B[:] = np.arange(start, start + len(out_B))

    return filled((n_rows,), f"U{len(str(n_rows - 1))}", fill, scratch)


def read_row_weights(table: pa.Table, column: str | None, file: Path | str) -> NDArray[np.float64] | None:
    """Return the sample weights (N,).

    Raises:
        DataError: a weight is not a positive finite number.
    """
    if column is None:
        return None
    cells = pc.utf8_trim_whitespace(text_cells(table, column, file))
    is_number = pc.fill_null(pc.match_substring_regex(cells, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"), False)
    weights_N = as_numpy(pc.cast(pc.if_else(is_number, cells, None), pa.float64())).astype(np.float64)
    wrong = ~(np.isfinite(weights_N) & (weights_N > 0))
    if wrong.any():
        cell = shown(str(cells[int(wrong.argmax())].as_py() or ""))
        raise DataError(
            f"{file}: weight '{cell}' in column '{column}', {rows_listed(wrong)}: "
            "weights are positive finite numbers; leave a row out by deleting it"
        )
    return weights_N


def read_groups(
    table: pa.Table, column: str | None, file: Path | str, spellings: str = "refuse", scratch: Path | None = None
) -> NDArray[np.str_] | None:
    """Return the group of each row (N,) as text.

    Raises:
        DataError: a row has no group, or one group is written in two ways.
    """
    if column is None:
        return None
    cells = text_cells(table, column, file)
    missing = is_blank(cells)
    if missing.any():
        raise DataError(f"{file}: no group in column '{column}' in {rows_listed(missing)}: fill in or delete them")
    return as_words(joined_groups(cells, column, file, spellings), scratch)


def read_split_cells(
    table: pa.Table, column: str | None, file: Path | str, scratch: Path | None = None
) -> NDArray[np.str_] | None:
    """Return the fold of each row (N,) as the file has it, empty where it has none; ``cv=predefined`` reads it."""
    if column is None:
        return None
    return as_words(pc.fill_null(text_cells(table, column, file), ""), scratch)
