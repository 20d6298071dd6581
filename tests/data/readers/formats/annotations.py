"""Write exports, and read them as a run does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.find import find_reader
from trainer.data.readers.tables import open_table


def as_lines(path: Path, records: Sequence[Any]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def as_array(path: Path, records: Sequence[Any]) -> Path:
    """Write a JSON array."""
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def opened(path: Path, **options: Any) -> OpenTable:
    """Return the table as a source reads it."""
    return open_table(path, ColumnOptions(**options))


def format_of(path: Path) -> str:
    """Return the name of the format that a file is taken for."""
    return find_reader(path, ColumnOptions()).__name__.rpartition(".")[2]
