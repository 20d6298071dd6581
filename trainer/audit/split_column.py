"""A split and times, read from columns of the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.audit.split import NEVER_HELD_OUT, TrainRows
from trainer.data.columns.roles import find_columns, is_blank, rows_listed, text_cells
from trainer.data.columns.times import time_cells
from trainer.errors import DataError
from trainer.folds.strategies.predefined import from_cells
from trainer.system.arrow_files import as_numpy
from trainer.system.part_words import TRAIN_WORDS, part_word

MOST_PARTS = 1000


@dataclass(frozen=True)
class ColumnSplit:
    """A split as ``audit`` takes it.

    Attributes:
        fold_of_row: (1, N), -1 = never held out; None = the whole file.
        train_rows: training rows of (repeat, fold); None = every row the fold does not hold out.
        names: of the folds, as they stand in the column.
    """

    fold_of_row: NDArray[np.int64] | None
    train_rows: TrainRows | None
    names: tuple[str, ...]


WHOLE_FILE = ColumnSplit(None, None, ())


def read_split(table: pa.Table, column: str, file: Path | str) -> ColumnSplit:
    """Read train / dev / test, or fold names such as 0, 1, 2 (-1 = never held out).

    Where one part is called ``train``, all others are held out from it alone; else each part from all others.

    Raises:
        DataError: a row has no part, or there is only one part, or nearly every row is its own.
    """
    name = find_columns(column, table.column_names, file, "--split")[0]
    cells = pc.utf8_trim_whitespace(pc.fill_null(text_cells(table, name, file), ""))
    missing = is_blank(cells)
    numbers_N = _fold_numbers(as_numpy(cells).astype(np.str_).tolist())
    if numbers_N is not None and (numbers_N != NEVER_HELD_OUT).any():
        return _numbered(numbers_N, f"{file}: column '{name}' (--split)")
    if missing.any():
        raise DataError(f"{file}: no part in column '{name}' (--split) in {rows_listed(missing)}: fill in")
    words_N = as_numpy(cells).astype(np.str_)
    lower_N = np.array([part_word(word) for word in words_N.tolist()])
    trained = np.isin(lower_N, TRAIN_WORDS)
    if trained.any():  # as in training, Test is test
        words_N = words_N[np.unique(lower_N, return_index=True)[1]][np.unique(lower_N, return_inverse=True)[1]]
    never = trained | (words_N == str(NEVER_HELD_OUT))
    names = list(dict.fromkeys(words_N[~never].tolist()))
    if not names or (len(names) == 1 and not never.any()):
        raise DataError(f"{file}: column '{name}' (--split) has one part only: it must say what is held out from what")
    if len(names) > MOST_PARTS:
        raise DataError(f"{file}: column '{name}' (--split) has {len(names)} parts: is it the right column?")
    fold_of_name = {part: fold for fold, part in enumerate(names)}
    fold_N = np.array([fold_of_name.get(word, NEVER_HELD_OUT) for word in words_N], dtype=np.int64)
    fold_N[never] = NEVER_HELD_OUT
    train_rows = np.flatnonzero(trained)
    return ColumnSplit(fold_N[None], (lambda _repeat, _fold: train_rows) if trained.any() else None, tuple(names))


def _fold_numbers(cells: list[str]) -> NDArray[np.int64] | None:
    """Return the fold of each row as training reads it, or None where the cells are words."""
    if any(part_word(cell) in TRAIN_WORDS for cell in cells):
        return None
    try:
        numbers_N = from_cells(cells, "")
    except DataError:
        return None
    assert isinstance(numbers_N, np.ndarray)
    return np.where(numbers_N < 0, NEVER_HELD_OUT, numbers_N)


def _numbered(numbers_N: NDArray[np.int64], where: str) -> ColumnSplit:
    folds, fold_N = np.unique(numbers_N, return_inverse=True)
    has_never = bool(folds[0] == NEVER_HELD_OUT)
    if len(folds) == 1:
        raise DataError(f"{where} has one part only: it must say what is held out from what")
    if len(folds) > MOST_PARTS:
        raise DataError(f"{where} has {len(folds)} parts: is it the right column?")
    names = tuple(map(str, folds[int(has_never) :].tolist()))
    return ColumnSplit(fold_N.astype(np.int64)[None] - int(has_never), None, names)


def read_times(table: pa.Table, column: str, file: Path | str) -> NDArray[Any]:
    """Read times as training does: (N,) numbers or datetime64, but NaN and NaT where the cell is empty.

    Raises:
        DataError: a cell is neither; names its row.
    """
    name = find_columns(column, table.column_names, file, "--time")[0]
    return as_numpy(time_cells(table, name, file))
