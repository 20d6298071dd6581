"""Feature columns of a table: which are numbers, which are categories, and which cells cannot be either."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.kept_columns import ColumnFiles, KeptColumns
from trainer.data.columns.no_label_words import means_no_label
from trainer.data.columns.none_codes import without_listed
from trainer.data.columns.number_forms import TRUTH_VALUES, numbers_for_none, words_for_none
from trainer.data.columns.roles import rows_listed, setting, settings, text_cells
from trainer.data.columns.typed_numbers import as_days, as_float64, is_number_type
from trainer.data.columns.written_dates import DATES, compact_dates_note
from trainer.data.columns.written_numbers import (
    FEW,
    SAMPLE,
    codes_note,
    named_codes_note,
    point_thousands,
    read_written,
)
from trainer.data.samples import TableColumns
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.wording.lists import first_few

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?")
NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity|nan)$"
COMMA_NUMBER = r"^[+-]?\d+(,\d+)+(\.\d+)?$"
NUMBERS = ("read", "strict")
MOST_REFUSED = 6  # columns that are named at once
MOST_WORDS = 5  # for no value, in a column of numbers


class Columns(Protocol):
    """Columns by name, such as a dictionary of them."""

    def __iter__(self) -> Iterator[str]: ...

    def pop(self, name: str, /) -> Column:
        """Return a column, of which nobody else needs the cells."""


def read_features(
    columns: Columns,
    file: Path | str,
    *,
    free: Sequence[str],
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    missing: Sequence[object] = MISSING,
    numbers: str = "read",
    semicolon: bool = False,
    scratch: Path | None = None,
) -> tuple[TableColumns, tuple[str, ...], dict[str, str]]:
    """Read feature columns as they are in the file: nothing imputed, scaled or encoded.

    Args:
        columns: of the table, in file order; taken out as they are read, so that each cell is in memory once.
        file: named in messages.
        free: columns to find out about.
        numeric: columns that must hold numbers.
        categorical: columns taken as text.
        missing: text cells that mean "no value", besides empty ones.
        numbers: ``read`` percentages, money, thousands, decimal commas and dates where all cells agree, or refuse
            them (``strict``).
        semicolon: whether cells are separated by semicolons, as where a comma is the decimal point.
        scratch: folder of files for the features; None = they are held in memory.

    Returns:
        The features in file order, notes on columns that say nothing, and by name how columns of numbers are written
        that are no plain ones (``trainer.data.columns.written_numbers``).

    Raises:
        DataError: a cell that is not a finite number in a numeric column; names row and column, and all such columns.
        ConfigError: no feature is left.
    """
    if numbers not in NUMBERS:
        raise ConfigError(f"data.numbers={numbers}{did_you_mean(str(numbers), NUMBERS)}")
    chosen = {*free, *numeric, *categorical}
    said: list[str] = []
    written: dict[str, str] = {}
    reading = _Reading(file, missing, semicolon, numbers == "strict", said, written)
    kept = KeptColumns() if scratch is None else ColumnFiles(scratch)
    refused: dict[str, DataError] = {}
    for name in [name for name in columns if name in chosen]:
        try:
            values = _read(columns, name, reading, as_text=name in categorical, must=name in numeric)
        except DataError as error:
            refused[name] = error
            continue
        if isinstance(values, np.ndarray):
            kept.add_numbers(name, values)
        else:
            kept.add_words(name, values)
    if refused:
        raise _all_refused(refused)
    if not chosen:
        raise ConfigError(f"{file}: no feature columns left besides the label: look at data.drop")
    return kept.table(), (*kept.notes(), *said), written


def _all_refused(refused: Mapping[str, DataError]) -> DataError:
    """Return what is said of the first column that cannot be read, and the names of the others."""
    first, *others = refused
    if not others:
        return refused[first]
    named = first_few([f"'{shown(name, 40)}'" for name in others], MOST_REFUSED - 1)
    said = f"{refused[first]}\n{len(others)} more cannot be read either: {named}"
    if len(refused) <= MOST_REFUSED and all("data.categorical" in str(error) for error in refused.values()):
        said += f"; all as categories: {settings('data.categorical', list(refused))}"
    return DataError(said)


@dataclass(frozen=True)
class _Reading:
    """How columns are read: the file and its options, and what was said and found so far."""

    file: Path | str
    missing: Sequence[object]
    semicolon: bool
    strict: bool
    said: list[str]
    written: dict[str, str]


def _read(columns: Columns, name: str, reading: _Reading, *, as_text: bool, must: bool) -> NDArray[np.float64] | Column:
    """Take out a column; return (N,) numbers with NaN = missing, or its categories encoded, null = missing."""
    cells = _cells(pa.table({name: columns.pop(name)}), name, reading, as_text)
    values = None if as_text else _as_numbers(cells, name, reading, must)
    if isinstance(values, np.ndarray):
        return without_listed(values, numbers_for_none(reading.missing))
    return cells.combine_chunks().dictionary_encode() if values is None else values


def _cells(table: pa.Table, name: str, reading: _Reading, as_text: bool) -> Column:
    """Return numbers as float64, everything else as trimmed text; null = missing."""
    kind = table[name].type
    if pa.types.is_null(kind):
        return pc.cast(table[name], pa.float64())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _days(table[name], name, reading)
    if pa.types.is_nested(kind):
        raise DataError(
            f"{reading.file}: column '{name}' holds {kind} values, which are no feature: write one column for each "
            f"value, or set {setting('data.drop', name, in_list=True)}"
        )
    if pa.types.is_temporal(kind):
        raise DataError(
            f"{reading.file}: column '{name}' holds times ({kind}): turn them into numbers, or set "
            f"{setting('data.drop', name, in_list=True)}"
        )
    if not as_text and is_number_type(kind):
        if pa.types.is_boolean(kind):
            reading.written[name] = TRUTH_VALUES
        return as_float64(table[name])
    cells = pc.utf8_trim_whitespace(text_cells(table, name, reading.file))
    tokens = ["", *words_for_none(reading.missing)]
    return pc.if_else(pc.is_in(cells, pa.array(tokens, cells.type)), None, cells)


def _days(dates: Column, name: str, reading: _Reading) -> Column:
    """Return dates as days since 1970, as those of a CSV file are read."""
    if reading.strict:
        raise DataError(
            f"{reading.file}: column '{name}' holds dates or times ({dates.type}): turn them into numbers, or set "
            f"{setting('data.drop', name, in_list=True)}"
        )
    reading.said.append(f"column '{name}' holds dates: read as days since 1970")
    reading.written[name] = DATES
    return as_days(dates)


def _as_numbers(cells: Column, name: str, reading: _Reading, must: bool) -> NDArray[np.float64] | Column | None:
    """Return (N,) with NaN = missing; a column of categories encoded, or None where that is to be done."""
    try:
        pc.cast(cells.slice(0, SAMPLE), pa.float64())  # a whole column of words takes long to fail: an error per cell
        values_N = as_numpy(pc.cast(cells, pa.float64())).astype(np.float64, copy=False)
    except pa.ArrowInvalid:
        encoded: Column = cells.combine_chunks().dictionary_encode()
        written = read_written(encoded, name, reading.file, semicolon=reading.semicolon, strict=reading.strict)
        if written is not None:
            reading.said.append(written.note)
            reading.written[name] = written.form
            return written.values_N
        _refuse_mixed(encoded, name, reading.file, must)
        return encoded
    infinite = np.isinf(values_N)
    if infinite.any():
        raise DataError(
            f"{reading.file}: column '{name}' is infinite in {rows_listed(infinite)}: "
            "replace it by a finite number, or by an empty cell if it is missing"
        )
    if must:
        return values_N
    dates = compact_dates_note(values_N, name)
    if dates:
        reading.said.append(dates)
        return values_N
    codes = codes_note(cells, values_N, name)
    if codes:
        reading.said.append(codes)
        return None
    if named := named_codes_note(values_N, name):
        reading.said.append(named)
    return _thousands(cells, values_N, name, reading) if point_thousands(cells, values_N) else values_N


def _thousands(cells: Column, values_N: NDArray[np.float64], name: str, reading: _Reading) -> NDArray[np.float64]:
    """Read 1.245 beside 987 as thousands where semicolons separate cells; say elsewhere that it may be that."""
    if reading.semicolon:
        encoded: Column = cells.combine_chunks().dictionary_encode()
        written = read_written(encoded, name, reading.file, semicolon=True, strict=reading.strict, thousands=True)
        assert written is not None
        reading.said.append(written.note)
        reading.written[name] = written.form
        return written.values_N
    reading.said.append(
        f"column '{name}': every point is followed by three digits, and others have none: if they are thousands, "
        "write the numbers without points"
    )
    return values_N


def _refuse_mixed(encoded: Column, name: str, file: Path | str, must: bool) -> None:
    """Refuse a column (a dictionary of its texts) that must hold numbers, or mostly does, but has other text."""
    is_number_N, with_comma_N = _matches(encoded, NUMBER), _matches(encoded, COMMA_NUMBER)
    n_filled = len(encoded) - encoded.null_count
    categorical = setting("data.categorical", name, in_list=True)
    if with_comma_N.any() and (is_number_N | with_comma_N).sum() * 2 > n_filled:
        row = int(with_comma_N.argmax())
        raise DataError(
            f"{file}: column '{name}' row {row + 1} '{encoded[row].as_py()}' is a number written with a comma: "
            f"write it with a point, or set {categorical}"
        )
    if must or is_number_N.sum() * 2 > n_filled or _numbers_or_none(encoded):
        wrong_N = ~is_number_N & ~as_numpy(encoded.is_null())
        row, n_wrong = int(wrong_N.argmax()), int(wrong_N.sum())
        more = f" ({n_wrong} such cells)" if n_wrong > 1 else ""
        cell = shown(encoded[row].as_py(), 40)
        raise DataError(
            f"{file}: column '{name}' row {row + 1} '{cell}' is not a number{more}:\n"
            f"fix it, or set {categorical}, or add it to data.missing if it means no value"
        )


def _numbers_or_none(encoded: Column) -> bool:
    """Return whether all texts are numbers, or words or marks for no value, and not a few that are repeated."""
    is_number_W = as_numpy(pc.match_substring_regex(encoded.dictionary, NUMBER, ignore_case=True))
    others = encoded.dictionary.filter(pa.array(~is_number_W))
    few_repeated = len(is_number_W) <= FEW and len(is_number_W) * 5 <= len(encoded) - encoded.null_count
    if not 0 < len(others) <= MOST_WORDS or not is_number_W.any() or few_repeated:
        return False
    return all(means_no_label(text, ["a class"]) for text in others.to_pylist())


def _matches(encoded: Column, pattern: str) -> NDArray[np.bool_]:
    """Return (N,) whether each cell matches; a missing one does not."""
    matched_W = as_numpy(pc.match_substring_regex(encoded.dictionary, pattern, ignore_case=True))
    return np.asarray(np.append(matched_W, False)[as_numpy(encoded.indices.fill_null(-1))])
