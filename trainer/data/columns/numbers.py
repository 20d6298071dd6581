"""A column of numbers that are to be predicted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.number_forms import FORMS, TRUTH_VALUES, plain_width
from trainer.data.columns.roles import is_blank, rows_listed
from trainer.data.columns.spellings import NUMBER
from trainer.data.columns.unlabelled import left_out
from trainer.data.columns.written_dates import DATES
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column

MANY_CLASSES = 100  # more whole numbers than this that do not count 0, 1, 2, ... are asked about
IDS = 40  # in fewer rows, a class for every second one says nothing
REGRESSION_VALUES = 20  # more distinct labels than this, with a fraction among them, are no classes


def read_numbers(
    values: Column, column: str, file: Path | str, missing: Sequence[object] = ()
) -> tuple[NDArray[np.float64], NDArray[np.bool_], str]:
    """Read the numbers of a regression; return them, which rows have none and are left out, and how they are written.

    They may be written as those of features: percentages, money, thousands, decimal commas where all cells agree.

    Raises:
        DataError: a cell is empty or no finite number, with its row, or all are the same.
    """
    cells = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values], pa.string())
    left_out_N = left_out(cells, missing)
    empty_N = is_blank(cells) & ~left_out_N
    if empty_N.any():
        raise DataError(
            f"{file}: no value in column '{column}' in {rows_listed(empty_N)}: fill in or delete them, or leave them "
            "out with \"data.missing_labels=['']\""
        )
    texts = [str(text or "").strip() for text in cells.to_pylist()]
    wrong_N = np.array([not NUMBER.fullmatch(text) for text in texts]) & ~left_out_N
    how = ""
    if wrong_N.any() and (written := _written([texts[row] for row in np.flatnonzero(~left_out_N)])):
        how, numbers = written
        first = texts[int(np.argmin(left_out_N))]
        how = f"column '{column}' holds {how} such as '{shown(first, 30)}': read as {numbers[0]:g}"
        wrong_N[:], numbers_N = False, np.zeros(len(texts))
        numbers_N[~left_out_N] = numbers
    else:
        plain_N = ~wrong_N & ~left_out_N
        numbers_N = np.array([float(text) if plain else 0.0 for text, plain in zip(texts, plain_N, strict=True)])
    wrong_N |= ~np.isfinite(numbers_N)
    if wrong_N.any():
        cell = shown(texts[int(wrong_N.argmax())])
        raise DataError(
            f"{file}: column '{column}' has '{cell}' in {rows_listed(wrong_N)}: "
            "data.task=regression needs a finite number in every row, written plainly or all in one way"
        )
    kept = numbers_N[~left_out_N]
    if not len(kept) or (kept == kept[0]).all():
        has = f"every row of column '{column}' has the value {kept[0]:g}" if len(kept) else "no row has a value"
        raise DataError(f"{file}: {has}: nothing to predict")
    return numbers_N, left_out_N, how


def _written(texts: Sequence[str]) -> tuple[str, list[float]] | None:
    """Return how numbers that are not plain are all written, and their values; None where they are not."""
    plain = [plain_width(text) for text in texts]
    for key, (what, read) in FORMS.items():
        if key not in (TRUTH_VALUES, DATES) and (values := read(plain, False)):
            return what, values
    return None


def describe_numbers(values_N: NDArray[np.float64]) -> str:
    """Return where the numbers lie, in one line."""
    low, half, high = np.quantile(values_N, [0, 0.5, 1])
    return f"target: numbers from {low:g} to {high:g}, median {half:g}, standard deviation {values_N.std():g}"


def refuse_values(labels: Sequence[str], n_rows: int, column: str, file: Path | str, sure: bool) -> None:
    """Refuse numbers with a fraction, and unless the user is sure many whole ones: values or ids are no classes.

    Args:
        labels: the different ones.
        n_rows: that have a label.
        column: named in messages.
        file: named in messages.
        sure: whether many whole numbers are known to be classes.

    Raises:
        DataError: naming what to set for either meaning.
    """
    many = len(labels) > REGRESSION_VALUES or len(labels) * 2 > n_rows
    if not many:
        return
    if not all(NUMBER.fullmatch(label) for label in labels):
        written = _written(labels)
        if written is None:
            return
        labels = [f"{value:.15g}" for value in written[1]]
    said = f"{file}: column '{column}' has {len(labels)} different"
    fraction = next((label for label in labels if not float(label).is_integer()), None)
    if fraction is not None:
        raise DataError(
            f"{said} numbers such as {fraction} in {n_rows} rows, which are no classes\n"
            "to predict the number: data.task=regression loss=mse\n"
            "to predict classes: name another data.label, or cut the values into bins"
        )
    values = sorted(float(label) for label in labels)
    is_counted = values == [values[0] + step for step in range(len(values))] and values[0] in (0, 1)
    if not sure and ((len(labels) > MANY_CLASSES and not is_counted) or len(labels) * 2 > max(n_rows, IDS)):
        raise DataError(
            f"{said} whole numbers such as {labels[0]} in {n_rows} rows: are they values (regression) or ids?\n"
            "to predict the number: data.task=regression loss=mse\n"
            "to predict classes: name another data.label, or set data.task=multiclass if each is a class"
        )
