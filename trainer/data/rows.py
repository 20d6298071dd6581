"""What every table source shares: ids, labels, weights and groups by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.config.errors import ConfigError, DataError
from trainer.data.columns import Names, as_numpy, check_roles, find_columns, is_blank, rows_listed, text_cells
from trainer.data.decoding import shown


@dataclass(frozen=True)
class Roles:
    """Which columns do what.

    Attributes:
        label: one column, or several of 0/1.
        id: names the rows, or None.
        weight: sample weights, or None.
        group: rows that belong together, or None.
        others: by option, in the order given: feature columns and columns to leave out.
        free: columns no option names.
    """

    label: tuple[str, ...]
    id: str | None
    weight: str | None
    group: str | None
    others: dict[str, tuple[str, ...]]
    free: tuple[str, ...]


def assign_roles(
    table: pa.Table,
    file: Path | str,
    *,
    label: Names,
    id: str | None,
    weight: str | None,
    group: str | None,
    others: Mapping[str, Names | None],
) -> Roles:
    """Find every column an option names.

    Raises:
        DataError: a column is missing.
        ConfigError: two options name one column, or no label is named.
    """
    have = table.column_names
    named = {"label": label, "id": id, "weight": weight, "group": group, **others}
    found = {f"data.{key}": find_columns(names, have, file, f"data.{key}") for key, names in named.items()}
    if not found["data.label"]:
        raise ConfigError("data.label names no column: give the column that holds the labels")
    for key in ("data.id", "data.weight", "data.group"):
        if len(found[key]) > 1:
            raise ConfigError(f"{key} names several columns ({', '.join(found[key])}): give one")
    check_roles(found)
    taken = {name for names in found.values() for name in names}
    return Roles(
        label=found["data.label"],
        id=_only(found["data.id"]),
        weight=_only(found["data.weight"]),
        group=_only(found["data.group"]),
        others={key: found[f"data.{key}"] for key in others},
        free=tuple(name for name in have if name not in taken),
    )


def _only(names: Sequence[str]) -> str | None:
    return names[0] if names else None


def read_ids(table: pa.Table, column: str | None, file: Path | str) -> NDArray[np.str_]:
    """Return the row names (N,): the id column, or "0", "1", ... in file order.

    Raises:
        DataError: an id is missing or occurs twice.
    """
    if column is None:
        return np.arange(table.num_rows).astype(np.str_)
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
    return as_numpy(cells).astype(np.str_)


def read_weights(table: pa.Table, column: str | None, file: Path | str) -> NDArray[np.float64] | None:
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


def read_groups(table: pa.Table, column: str | None, file: Path | str) -> NDArray[np.str_] | None:
    """Return the group of each row (N,) as text.

    Raises:
        DataError: a row has no group.
    """
    if column is None:
        return None
    cells = text_cells(table, column, file)
    missing = is_blank(cells)
    if missing.any():
        raise DataError(f"{file}: no group in column '{column}' in {rows_listed(missing)}: fill in or delete them")
    return as_numpy(cells).astype(np.str_)
