"""Feature columns of a table: which are numbers, which are categories, and which cells cannot be either."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import rows_listed, setting, text_cells
from trainer.data.samples import TableColumns
from trainer.errors import ConfigError, DataError, shown
from trainer.system.arrow_files import CHUNK_ROWS, Column, as_numpy

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity|nan)$"
COMMA_NUMBER = r"^[+-]?\d+(,\d+)+(\.\d+)?$"
MANY_CATEGORIES = 50  # noted where more than half of the rows have a category of their own


def read_features(
    columns: dict[str, Column],
    file: Path | str,
    *,
    free: Sequence[str],
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    missing: Sequence[object] = MISSING,
) -> tuple[TableColumns, tuple[str, ...]]:
    """Read feature columns as they are in the file: nothing imputed, scaled or encoded.

    Args:
        columns: of the table, in file order; emptied as they are read, so that each cell is in memory once.
        file: named in messages.
        free: columns to find out about.
        numeric: columns that must hold numbers.
        categorical: columns taken as text.
        missing: text cells that mean "no value", besides empty ones.

    Returns:
        The features in file order, and notes on columns that say nothing.

    Raises:
        DataError: a cell that is not a finite number in a numeric column; names row and column.
        ConfigError: no feature is left.
    """
    chosen = {*free, *numeric, *categorical}
    numbers: dict[str, NDArray[np.float64]] = {}
    categories: dict[str, Column] = {}
    n_rows = len(next(iter(columns.values())))
    for name in [name for name in columns if name in chosen]:
        cells = _cells(pa.table({name: columns.pop(name)}), name, file, missing, as_text=name in categorical)
        values = None if name in categorical else _as_numbers(cells, name, file, must=name in numeric)
        if values is None:
            categories[name] = cells.combine_chunks().dictionary_encode()
        else:
            numbers[name] = values
    if not chosen:
        raise ConfigError(f"{file}: no feature columns left besides the label: look at data.drop")
    notes = _notes(numbers, categories)
    names = tuple(numbers), tuple(categories)
    return TableColumns(_stacked(numbers, n_rows), _object_columns(categories, n_rows), *names), notes


def _stacked(numbers: dict[str, NDArray[np.float64]], n_rows: int) -> NDArray[np.float64]:
    """Return the columns side by side, (N, F), some rows of all of them at a time."""
    numeric_NF = np.empty((n_rows, len(numbers)))
    for start in range(0, n_rows, CHUNK_ROWS):
        for place, values_N in enumerate(numbers.values()):
            numeric_NF[start : start + CHUNK_ROWS, place] = values_N[start : start + CHUNK_ROWS]
    return numeric_NF


def _cells(table: pa.Table, name: str, file: Path | str, missing: Sequence[object], as_text: bool) -> Column:
    """Return numbers as float64, everything else as trimmed text; null = missing."""
    kind = table[name].type
    if pa.types.is_null(kind):
        return pc.cast(table[name], pa.float64())
    if pa.types.is_temporal(kind):
        raise DataError(
            f"{file}: column '{name}' holds dates or times ({kind}): turn them into numbers, or set "
            f"{setting('data.drop', name, in_list=True)}"
        )
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not as_text and (is_number or pa.types.is_boolean(kind)):
        column = pc.cast(table[name], pa.uint8()) if pa.types.is_boolean(kind) else table[name]
        return pc.cast(column, pa.float64(), safe=False)
    cells = pc.utf8_trim_whitespace(text_cells(table, name, file))
    tokens = ["", *("null" if token is None else str(token) for token in missing)]  # YAML: null, nan
    return pc.if_else(pc.is_in(cells, pa.array(tokens, cells.type)), None, cells)


def _as_numbers(cells: Column, name: str, file: Path | str, must: bool) -> NDArray[np.float64] | None:
    """Return (N,) with NaN = missing, or None for a column of categories."""
    try:
        values_N = as_numpy(pc.cast(cells, pa.float64())).astype(np.float64)
    except pa.ArrowInvalid:
        _refuse_mixed(cells, name, file, must)
        return None
    infinite = np.isinf(values_N)
    if infinite.any():
        raise DataError(
            f"{file}: column '{name}' is infinite in {rows_listed(infinite)}: "
            "replace it by a finite number, or by an empty cell if it is missing"
        )
    return values_N


def _refuse_mixed(cells: Column, name: str, file: Path | str, must: bool) -> None:
    """Refuse a column that must hold numbers, or mostly does, but has other text."""
    is_number_N, with_comma_N = _matches(cells, NUMBER), _matches(cells, COMMA_NUMBER)
    n_filled = len(cells) - cells.null_count
    categorical = setting("data.categorical", name, in_list=True)
    if with_comma_N.any() and (is_number_N | with_comma_N).sum() * 2 > n_filled:
        row = int(with_comma_N.argmax())
        raise DataError(
            f"{file}: column '{name}' row {row + 1} '{cells[row].as_py()}' is a number written with a comma: "
            f"write it with a point, or set {categorical}"
        )
    if must or is_number_N.sum() * 2 > n_filled:
        wrong_N = ~is_number_N & ~as_numpy(cells.is_null())
        row, n_wrong = int(wrong_N.argmax()), int(wrong_N.sum())
        more = f" ({n_wrong} such cells)" if n_wrong > 1 else ""
        cell = shown(cells[row].as_py(), 40)
        raise DataError(
            f"{file}: column '{name}' row {row + 1} '{cell}' is not a number{more}:\n"
            f"fix it, or set {categorical}, or add it to data.missing if it means no value"
        )


def _matches(cells: Column, pattern: str) -> NDArray[np.bool_]:
    matched: Column = pc.match_substring_regex(cells, pattern, ignore_case=True)
    return as_numpy(pc.fill_null(matched, False))


def _object_columns(categories: dict[str, Column], n_rows: int) -> NDArray[np.object_]:
    columns_NK = np.empty((n_rows, len(categories)), dtype=object)
    for place, encoded in enumerate(categories.values()):
        words = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
        columns_NK[:, place] = words[as_numpy(encoded.indices.fill_null(-1))]
    return columns_NK


def _notes(numbers: dict[str, NDArray[np.float64]], categories: dict[str, Column]) -> tuple[str, ...]:
    """Say what was found, and which columns cannot help."""
    notes = [f"features: {len(numbers)} numeric, {len(categories)} categorical"]
    empty = [name for name, values in numbers.items() if np.isnan(values).all()]
    constant = [name for name, values in numbers.items() if name not in empty and _is_constant(values)]
    for name, encoded in categories.items():
        n_categories = len(encoded.dictionary)
        if n_categories == 0:
            empty.append(name)
        elif n_categories == 1 and not encoded.null_count:
            constant.append(name)
        elif n_categories > MANY_CATEGORIES and n_categories * 2 > len(encoded):
            notes.append(
                f"column '{name}' has {n_categories} different texts in {len(encoded)} rows: "
                f"if it is no feature, set {setting('data.drop', name, in_list=True)}"
            )
    for names, problem in ((empty, "without any value"), (constant, "with the same value in every row")):
        if names:
            notes.append(f"columns {problem}: {shown(', '.join(names), 200)}")
    return tuple(notes)


def _is_constant(values_N: NDArray[np.float64]) -> bool:
    return bool((values_N == values_N[0]).all())
