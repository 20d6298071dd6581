"""What stacking sees of a row beside the runs: columns of the table that one of them reads.

They are what ``data/preprocess=table`` makes of them, categories as 0/1 columns, fitted on the rows that the weights
are fitted on; plain values, which blend.json keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.reading import TABLE
from trainer.data.preprocess.table import FIRST_CATEGORY, FittedTable, TablePreprocess
from trainer.data.samples import Inputs, TableColumns
from trainer.errors import ConfigError, did_you_mean
from trainer.inference.members import Members
from trainer.inference.trained import open_trained, samples_of
from trainer.store.own_files import is_blend

Floats = NDArray[np.float64]
ALL = "all"
MOST_WORDS = 200  # of a categorical column: each is a coefficient per class


@dataclass(frozen=True)
class RowColumns:
    """Columns of a run's table.

    Attributes:
        member: place of the run among those that are blended.
        table: its rows.
    """

    member: int
    table: TableColumns

    def only(self, rows_M: NDArray[Any]) -> "RowColumns":
        """Return some of the rows, by number or by mask."""
        return replace(self, table=self.table.only(rows_M))


@dataclass(frozen=True)
class FittedColumns:
    """Columns as the level-2 model has learnt them.

    Attributes:
        member: place of the run whose table they are of.
        fitted: what scales and fills numbers, and knows the categories.
        coefficients: (outputs, W) of the W columns that ``encoded`` returns.
    """

    member: int
    fitted: FittedTable
    coefficients: tuple[tuple[float, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return (*self.fitted.numeric, *self.fitted.categorical)

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {"member": self.member, "fitted": self.fitted.to_json(), "coefficients": self.coefficients}


def columns_from_plain(values: Mapping[str, Any]) -> FittedColumns:
    """Return what ``FittedColumns.to_plain`` wrote and JSON has read back."""
    fitted = FittedTable.from_json(values["fitted"])
    if not isinstance(fitted, FittedTable):
        raise TypeError("columns of a sparse table")
    return FittedColumns(int(values["member"]), fitted, tuple(map(tuple, values["coefficients"])))


def read_columns(members: Members, names: Sequence[str], plugins: Sequence[str] = ()) -> RowColumns:
    """Read columns of the table that the first run with one was trained on, rows in the order of the blend.

    Args:
        members: the runs.
        names: of the columns, of that run's features; ``["all"]`` = all of them.
        plugins: packages whose classes may be built.

    Raises:
        ConfigError: no run reads a table, or it has no such column.
        DataError: the data are not those the run was trained on.
    """
    for member, one in enumerate(members.runs):
        if is_blend(one.directory) or one.run.facts.get("reading", {}).get("kind") != TABLE:
            continue
        samples = samples_of(open_trained(one.directory, device="cpu", plugins=plugins), None, {})
        if isinstance(samples.inputs, TableColumns):
            table = chosen(samples.inputs, names)
            _require_few_words(table)
            order = np.argsort(samples.ids_N, kind="stable")
            return RowColumns(member, table).only(order[np.searchsorted(samples.ids_N[order], one.ids_N)])
    raise ConfigError("--features: none of the runs reads a table with columns")


def chosen(inputs: Inputs, names: Sequence[str]) -> TableColumns:
    """Return the columns of these names.

    Raises:
        ConfigError: there is no such column.
    """
    if not isinstance(inputs, TableColumns):
        raise ConfigError("--features: the rows are no table with columns")
    known = (*inputs.numeric, *inputs.categorical)
    if list(names) == [ALL]:
        names = known
    for name in names:
        if name not in known:
            raise ConfigError(f"--features {name}: the run reads no such column{did_you_mean(name, known)}")
    numeric = [place for place, name in enumerate(inputs.numeric) if name in names]
    categorical = [place for place, name in enumerate(inputs.categorical) if name in names]
    return TableColumns(
        inputs.numeric_NF[:, numeric],
        inputs.categorical_NK[:, categorical],
        tuple(inputs.numeric[place] for place in numeric),
        tuple(inputs.categorical[place] for place in categorical),
    )


def _require_few_words(table: TableColumns) -> None:
    for name, words_N in zip(table.categorical, table.categorical_NK.T, strict=True):
        n_words = len(set(words_N))
        if n_words > MOST_WORDS:
            raise ConfigError(
                f"--features {name}: {n_words} categories, each with a weight of its own, are too many (at most "
                f"{MOST_WORDS}): name other columns"
            )


def joined(tables: Sequence[TableColumns]) -> TableColumns:
    """Return the rows of several blocks, one after the other."""
    numeric, categorical = (
        np.concatenate([getattr(one, name) for one in tables]) for name in ("numeric_NF", "categorical_NK")
    )
    return replace(tables[0], numeric_NF=numeric, categorical_NK=categorical)


def fit_columns(table: TableColumns) -> FittedTable:
    """Learn how rows become numbers, from all of them."""
    fitted = TablePreprocess().fit(table, np.arange(len(table.numeric_NF)))
    assert isinstance(fitted, FittedTable)
    return fitted


def encoded(fitted: FittedTable, table: TableColumns) -> Floats:
    """Return (N, W) numbers: scaled ones, flags of missing ones, then 0/1 for each known category and for missing."""
    inputs = fitted.transform(table).inputs
    parts = [inputs["numeric"].numpy().astype(np.float64)]
    for place, words in enumerate(fitted.categories):
        index_N = inputs["categorical"][:, place].numpy()
        parts.append((index_N[:, None] == np.arange(1, FIRST_CATEGORY + len(words))).astype(np.float64))
    return np.hstack(parts)
