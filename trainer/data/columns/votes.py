"""Soft labels: how many people gave each class to a row, as shares that sum to 1."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.encoded_labels import Labels
from trainer.data.columns.roles import text_cells
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.system.spellings import spelling_key

WRITTEN_AS = 'write them as {"good": 2, "bad": 1}'


def read_votes(table: pa.Table, column: str, file: Path | str, labels: Labels) -> NDArray[np.float64]:
    """Return the share of each class in the votes of each row (N, C); a row without votes has its label.

    Args:
        table: all columns.
        column: records of numbers by class, or the same as JSON text.
        file: named in messages.
        labels: of the rows; what the classes are.

    Raises:
        ConfigError: a row may have several labels, or they are numbers.
        DataError: a cell holds no votes, or a class that there is not; names its row.
    """
    if not labels.task.one_class_each:
        raise ConfigError(
            f"data.votes={column} has no effect on a {labels.task} task: it is for one class in each row; leave it out"
        )
    kept_N = ~labels.left_out_N
    votes_NC = np.zeros((len(kept_N), len(labels.classes)))
    votes_NC[kept_N, labels.target[kept_N]] = 1.0
    place_of = {spelling_key(name): place for place, name in enumerate(labels.classes)}
    place_of |= {name: place for place, name in enumerate(labels.classes)}
    is_record = pa.types.is_struct(table[column].type) or pa.types.is_map(table[column].type)
    cells = (table[column] if is_record else text_cells(table, column, file)).to_pylist()
    for row in np.flatnonzero(kept_N).tolist():
        where = f"{file}: column '{column}' row {row + 1}"
        if found := _votes(cells[row], where):
            votes_NC[row] = _shares(found, place_of, labels.classes, where)
    return votes_NC


def votes_note(votes_NC: NDArray[np.float64], column: str) -> str:
    """Tell how many rows are trained on as being of several classes."""
    soft = int((votes_NC.max(axis=1) < 1).sum())
    return (
        f"soft labels: training counts each class by its share of column '{column}', which has several classes in "
        f"{soft} of {len(votes_NC)} rows; scores are against the label"
    )


def _votes(cell: Any, where: str) -> dict[str, float]:
    """Return the votes of a cell that are not zero."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return {}
    try:
        votes = json.loads(cell) if isinstance(cell, str) else dict(cell)
    except ValueError as problem:
        raise DataError(f"{where}: '{shown(str(cell), 60)}' is no record of votes: {WRITTEN_AS}") from problem
    numbers = isinstance(votes, Mapping) and all(
        value is None or (isinstance(value, int | float) and 0 <= value < np.inf) for value in votes.values()
    )
    if not numbers:
        raise DataError(f"{where}: '{shown(str(cell), 60)}' is no record of votes from 0 up: {WRITTEN_AS}")
    return {str(name): float(value) for name, value in votes.items() if value}


def _shares(
    votes: Mapping[str, float], place_of: Mapping[str, int], classes: Sequence[str], where: str
) -> NDArray[np.float64]:
    share_C = np.zeros(len(classes))
    for name, value in votes.items():
        place = place_of.get(name, place_of.get(spelling_key(name)))
        if place is None:
            raise DataError(
                f"{where}: votes for '{shown(name, 60)}', which is the label of no row{did_you_mean(name, classes)}"
            )
        share_C[place] += value
    return np.asarray(share_C / share_C.sum())
