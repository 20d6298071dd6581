"""JSON lines: one object per line."""

import json
import re
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError, shown
from trainer.system import arrow_files

NAME = "JSON lines"
ENDINGS = (".jsonl", ".ndjson")
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding"})


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: whatever ends so is read as JSON lines."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows, each key a column."""
    return OpenTable(parse_json_lines(decode_text(path, columns.encoding, header=False), path))


def parse_json_lines(payload: bytes, file: Path) -> pa.Table:
    """Return the rows of JSON lines.

    Args:
        payload: UTF-8.
        file: named in messages.

    Raises:
        DataError: a line is no object, or its values are of another kind than those before.
    """
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
