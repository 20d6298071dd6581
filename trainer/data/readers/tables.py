"""Read a table file (CSV, TSV, Parquet, JSON lines) into memory, or say plainly why it cannot be read."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from trainer.data.readers.csv_fast import read_sound_csv
from trainer.data.readers.csv_strict import parse_csv
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, did_you_mean, shown
from trainer.system import arrow_files

DELIMITED = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


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
    file = Path(path).expanduser()
    try:
        check_is_file(file)
    except (OSError, ValueError) as problem:  # a name too long, a directory that may not be read
        raise DataError(f"{shown(str(file), 200)}: cannot be opened ({shown(str(problem))})") from problem
    ending = file.suffix.lower()
    if ending in PARQUET:
        table = _read_parquet(file)
    elif ending in JSON_LINES:
        table = _parse_json_lines(decode_text(file, encoding, header=False), file)
    elif ending in DELIMITED:
        sound = read_sound_csv(file, encoding, delimiter, DELIMITED[ending])
        table = parse_csv(decode_text(file, encoding), file, delimiter, DELIMITED[ending]) if sound is None else sound
    else:
        known = " ".join((*DELIMITED, *PARQUET, *JSON_LINES))
        raise DataError(f"{file}: tables end in {known}, not '{file.suffix}'")
    _check_columns(table, file)
    return table


def check_is_file(file: Path) -> None:
    """Raise DataError where ``file`` is missing or a directory, naming what lies next to it."""
    if file.is_dir():
        inside = sorted(entry.name for entry in file.iterdir() if entry.suffix.lower() in DELIMITED)
        raise DataError(f"{file} is a directory: name the file{_listed(inside)}")
    if file.is_file():
        return
    if not file.parent.is_dir():
        raise DataError(f"{file}: no such file; the directory {file.parent} does not exist either")
    beside = sorted(entry.name for entry in file.parent.iterdir() if entry.is_file())
    hint = did_you_mean(file.name, beside) if beside else f"; the directory {file.parent} has no files"
    raise DataError(f"{file}: no such file{hint}")


def _listed(names: list[str]) -> str:
    return f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else ""


def _read_parquet(file: Path) -> pa.Table:
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
    return table


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
    return DataError(f"{file}: not readable as JSON lines ({shown(parser_words)})")


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
