"""JSON lines: one object per line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.json_columns import by_column, each_once, json_table
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown
from trainer.system import arrow_files
from trainer.system.arrow_files import Column

NAME = "JSON lines"
ENDINGS = (".jsonl", ".ndjson")
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding"})

LONG_NUMBER = re.compile(rb"[:\s\[,]-?\d{19,}[\s,}\]]")


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: whatever ends so is read as JSON lines."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows, each key a column."""
    rows, notes = parse_json_lines(decode_text(path, columns.encoding, header=False), path)
    return OpenTable(rows, notes=notes)


def parse_json_lines(payload: bytes, file: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the rows of JSON lines, and notes.

    Args:
        payload: UTF-8.
        file: named in messages.

    Raises:
        DataError: a line is no object, or a column holds lists or objects beside other values.
    """
    if payload.lstrip()[:1] == b"[":
        raise DataError(f"{file}: a JSON array; JSON lines has one object per line, without commas between them")
    try:
        table = _as_arrow_reads(payload)
    except pa.ArrowException as problem:  # a line that is none, or values of several kinds in a column
        return _as_python_reads(payload, file, str(problem))
    return _as_python_reads(payload, file) if _has_rounded(table, payload) else (table, ())


def _as_arrow_reads(payload: bytes) -> pa.Table:
    from pyarrow import json as arrow_json

    options = arrow_json.ReadOptions(block_size=min(len(payload) + 1, 1 << 26))
    table = arrow_json.read_json(arrow_files.copied(payload), read_options=options)
    guessed = [field for field in table.schema if pa.types.is_temporal(field.type)]
    if guessed:  # text that looks like a date is still text
        as_text = arrow_json.ParseOptions(explicit_schema=pa.schema([(field.name, pa.string()) for field in guessed]))
        again = arrow_json.read_json(arrow_files.copied(payload), read_options=options, parse_options=as_text)
        return again.select(table.column_names)  # Arrow puts those of the schema first
    return table


def _has_rounded(table: pa.Table, payload: bytes) -> bool:
    """Whether a column may hold whole numbers of over 64 bits, such as ids, which Arrow rounds to 53."""
    floats = [cells for cells in table.columns if pa.types.is_floating(cells.type)]
    return any(_is_large(cells) for cells in floats) and LONG_NUMBER.search(payload) is not None


def _is_large(cells: Column) -> bool:
    size: Column = pc.max(pc.abs(cells))
    return (size.as_py() or 0) >= 2**63


def _as_python_reads(payload: bytes, file: Path, parser_words: str = "") -> tuple[pa.Table, tuple[str, ...]]:
    lines = list(_objects(payload, file))
    values = by_column([record for _, record in lines])
    if not values:
        raise DataError(f"{file}: not readable as JSON lines ({shown(re.sub(r' in row [0-9]+', '', parser_words))})")
    return json_table(values, file, lambda row: f"line {lines[row][0]}")


def _objects(payload: bytes, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line, from 1, and the object in it."""
    for line_number, line in enumerate(payload.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_pairs_hook=each_once)
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{file} line {line_number}: not JSON ({problem}): {shown(line.decode())}") from problem
        if not isinstance(record, dict):
            raise DataError(f"{file} line {line_number}: not a JSON object: {shown(line.decode())}")
        if _has_lone_surrogate(record):
            raise DataError(
                f"{file} line {line_number}: half of a surrogate pair (\\ud800 to \\udfff alone): repair it"
            )
        yield line_number, record


def _has_lone_surrogate(record: object) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
