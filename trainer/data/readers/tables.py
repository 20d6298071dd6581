"""Read a table file (CSV, TSV, Parquet, JSON lines) into memory, or say plainly why it cannot be read."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.csv_fast import read_sound_csv
from trainer.data.readers.csv_form import CsvForm, csv_form
from trainer.data.readers.csv_strict import parse_csv
from trainer.data.readers.table_checks import check_first_line, check_swallowed, without_index, without_row_names
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.system import arrow_files
from trainer.system.paths import path_problem
from trainer.wording.lists import first_few
from trainer.wording.translations import _

DELIMITED = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class OpenTable:
    """A table that was looked at.

    Attributes:
        rows: at least one, columns with unique names.
        delimiter: between cells; empty where the file has none.
        notes: what a person should know about it.
    """

    rows: pa.Table
    delimiter: str
    notes: tuple[str, ...]


def open_table(path: str | Path, columns: ColumnOptions) -> OpenTable:
    """Read a table, look for what it may hide, and leave a column of row numbers out.

    Args:
        path: a .csv, .tsv, .txt, .parquet, .jsonl or .ndjson file.
        columns: how the file is written.

    Raises:
        DataError: likewise ``read_table``; or the first line is data, or a cell holds rows.
        ConfigError: the options are not usable.
    """
    file = Path(path)
    usual = DELIMITED.get(file.suffix.lower())
    form = csv_form(columns.delimiter, usual or ",", columns.quote, columns.header)
    if usual is None:
        _refuse_form(file, columns)
    table, form, notes = _read(file, columns.encoding, form)
    if usual is not None and form.header is None:
        check_first_line(table, file)
    _check_columns(table, file)
    swallowed = check_swallowed(table, form.delimiter, file) if usual is not None and form.quoted else ()
    table, left_out = without_row_names(table, columns.id) if form.row_names else without_index(table, _named(columns))
    return OpenTable(table, form.delimiter if usual is not None else "", (*notes, *swallowed, *left_out))


def _named(columns: ColumnOptions) -> set[str]:
    """Return the columns that the options name."""
    roles = (columns.label, columns.id, columns.group, columns.time, columns.split, columns.weight)
    return {str(name) for names in roles for name in ([names] if isinstance(names, str | int) else names or ())}


def _refuse_form(file: Path, columns: ColumnOptions) -> None:
    """Refuse options of delimited files for a file that has no lines of cells, and an encoding where there is none."""
    default = ColumnOptions()
    given = [name for name in ("header", "quote", "delimiter") if getattr(columns, name) != getattr(default, name)]
    if given:
        raise ConfigError(f"data.{given[0]} has no effect on {file}: only {' '.join(DELIMITED)} files have it")
    if file.suffix.lower() in PARQUET and columns.encoding != default.encoding:
        raise ConfigError(f"data.encoding has no effect on {file}: a Parquet file says it itself; leave it out")


def read_table(path: str | Path, encoding: str = "utf-8", delimiter: str | None = None) -> pa.Table:
    """Read a table.

    Args:
        path: a .csv, .tsv, .txt, .parquet, .jsonl or .ndjson file.
        encoding: of CSV and JSON lines files.
        delimiter: between CSV cells, one character or ``tab``; None = comma for .csv, TAB for .tsv and .txt.

    Returns:
        At least one row, columns with unique names. CSV cells are all text, as they stand in the file ("NA"
        is "NA"); a CSV column without a name is called ``unnamed_<position>``, counted from 1.

    Raises:
        DataError: the file cannot be read as a table; names the file, and the row where there is one.
        ConfigError: encoding or delimiter are not usable.
    """
    file = Path(path)
    table, _, _ = _read(file, encoding, csv_form(delimiter, DELIMITED.get(file.suffix.lower(), ",")))
    _check_columns(table, file)
    return table


def _read(file: Path, encoding: str, form: CsvForm) -> tuple[pa.Table, CsvForm, tuple[str, ...]]:
    """Return the table, its form as the file says it, and notes."""
    try:
        check_is_file(file)
    except (OSError, ValueError) as problem:  # a name too long, a directory that may not be read
        raise DataError(f"{shown(str(file), 200)}: cannot be opened ({shown(str(problem))})") from problem
    ending = file.suffix.lower()
    if ending in PARQUET:
        table, notes = _read_parquet(file)
        return table, form, notes
    if ending in JSON_LINES:
        return _parse_json_lines(decode_text(file, encoding, header=False), file), form, ()
    if ending in DELIMITED:
        sound = read_sound_csv(file, encoding, form)
        return parse_csv(decode_text(file, encoding), file, form) if sound is None else (sound, form, ())
    known = " ".join((*DELIMITED, *PARQUET, *JSON_LINES))
    raise DataError(f"{file}: tables end in {known}, not '{file.suffix}'")


def check_is_file(file: Path) -> None:
    """Raise DataError where ``file`` is missing or a directory, naming what lies next to it."""
    if why := path_problem(str(file)):
        raise DataError(f"{shown(str(file))}: {why}")
    if file.is_dir():
        inside = sorted(entry.name for entry in file.iterdir() if entry.suffix.lower() in DELIMITED)
        raise DataError(_("{file} is a directory: name the file{listed}").format(file=file, listed=_listed(inside)))
    if file.is_file():
        return
    if not file.parent.is_dir():
        said = _("{file}: no such file; the directory {directory} does not exist either")
        raise DataError(said.format(file=file, directory=file.parent))
    beside = sorted(entry.name for entry in file.parent.iterdir() if entry.is_file())
    no_files = _("; the directory {directory} has no files").format(directory=file.parent)
    hint = did_you_mean(file.name, beside, _) if beside else no_files
    raise DataError(_("{file}: no such file{hint}").format(file=file, hint=hint))


def _listed(names: list[str]) -> str:
    return f" ({first_few(names, rest=', ...')})" if names else ""


def _read_parquet(file: Path) -> tuple[pa.Table, tuple[str, ...]]:
    from pyarrow import parquet

    try:
        with arrow_files.opened(file) as stream:
            table = parquet.ParquetFile(stream).read()
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{file}: not a readable Parquet file ({shown(str(problem))})") from problem
    saved_index = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop_columns(saved_index)
    for place, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(place, table.column_names[place], column.cast(column.type.value_type))
    return table, ("the row names that pandas saved are no column: left out",) if saved_index else ()


def _parse_json_lines(payload: bytes, file: Path) -> pa.Table:
    from pyarrow import json as arrow_json

    if payload.lstrip()[:1] == b"[":
        raise DataError(f"{file}: a JSON array; JSON lines has one object per line, without commas between them")
    options = arrow_json.ReadOptions(block_size=min(len(payload) + 1, 1 << 26))
    try:
        table = arrow_json.read_json(arrow_files.copied(payload), read_options=options)
        guessed = [field for field in table.schema if pa.types.is_temporal(field.type)]
        if guessed:  # text that looks like a date is still text
            as_text = arrow_json.ParseOptions(
                explicit_schema=pa.schema([(field.name, pa.string()) for field in guessed])
            )
            table = arrow_json.read_json(arrow_files.copied(payload), read_options=options, parse_options=as_text)
    except pa.ArrowException as problem:
        raise _json_problem(payload, file, str(problem)) from problem
    return table


def _json_problem(payload: bytes, file: Path, parser_words: str) -> DataError:
    """Find the first line that is not an object like those before it."""
    kinds: dict[str, tuple[str, int]] = {}
    for line_number, line in enumerate(payload.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as problem:
            return DataError(f"{file} line {line_number}: not JSON ({problem}): {shown(line.decode())}")
        if not isinstance(record, dict):
            return DataError(f"{file} line {line_number}: not a JSON object: {shown(line.decode())}")
        if _has_lone_surrogate(record):
            return DataError(
                f"{file} line {line_number}: half of a surrogate pair (\\ud800 to \\udfff alone): repair it"
            )
        for name, value in record.items():
            kind = _json_kind(value)
            first_kind, first_line = kinds.setdefault(name, (kind, line_number))
            if "null" not in (kind, first_kind) and kind != first_kind:
                return DataError(
                    f"{file}: '{name}' is a {first_kind} in line {first_line} and a {kind} in line "
                    f"{line_number} ({shown(json.dumps(value))}): make all of them the same"
                )
            if first_kind == "null":
                kinds[name] = (kind, line_number)
    return DataError(f"{file}: not readable as JSON lines ({shown(re.sub(r' in row [0-9]+', '', parser_words))})")


def _has_lone_surrogate(record: object) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _json_kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "list or object"


def _check_columns(table: pa.Table, file: Path) -> None:
    names = table.column_names
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        places = [str(place) for place, name in enumerate(names, start=1) if name == repeated[0]]
        raise DataError(f"{file}: duplicate column '{repeated[0]}' (columns {', '.join(places)}): rename or delete one")
    if not names:
        raise DataError(f"{file}: no columns")
    if not table.num_rows:
        raise DataError(f"{file}: no rows, only the header ({shown(', '.join(names))})")
