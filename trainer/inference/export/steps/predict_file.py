"""``python predict.py new.csv -o out.csv``: from a file to a file."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.export.steps.cells import Cells
from trainer.inference.export.steps.csv_rows import form_of, in_blocks, opened_csv
from trainer.inference.export.steps.deciding import Decided, Runs, decided
from trainer.inference.export.steps.texts import passes
from trainer.inference.export.steps.writing import csv_file, header_of, rows_of

BLOCK_ROWS = {"table": 1 << 16, "words": 1 << 12, "tokens": 1 << 11}  # read at a time
PASS_ROWS = {"table": 8192, "words": 256, "tokens": 64}  # through the model at a time
NO_IDS = "none"


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes:
        ids: their names.
        inputs: of the model, of those that can be read.
        readable: which these are.
    """

    ids: list[str]
    inputs: dict[str, NDArray[Any]]
    readable: list[bool]


def main(folder: Path, arguments: Sequence[str]) -> int:
    """Predict the rows of a file; return the exit code.

    Args:
        folder: of the model.
        arguments: of the command line.
    """
    asked = parser().parse_args(arguments)
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        notes = predict_file(folder, facts, asked)
    except (OSError, ValueError) as problem:
        print(f"predict.py: {problem}", file=sys.stderr)
        return 3
    for note in notes:
        print(note, file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="predict.py", description="Predict new rows with the model in this folder.")
    options.add_argument("data", type=Path, metavar="DATA", help="table with the new rows (.csv, .tsv, .txt)")
    options.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="to write: .csv or .tsv")
    options.add_argument("--id", metavar="COL", help="column with the ids; none = row numbers")
    options.add_argument("--encoding", metavar="NAME", help="of DATA; default: as the model's own file")
    options.add_argument("--delimiter", metavar="CHAR", help="of DATA; default: as the model's own file")
    options.add_argument("--raw", action="store_true", help="without the thresholds and calibration in model.json")
    options.add_argument("--batch-size", type=int, metavar="N", help="rows of one pass through the model")
    return options


def predict_file(folder: Path, facts: Mapping[str, Any], asked: argparse.Namespace) -> list[str]:
    """Write the predictions of a file's rows; return what a person should know.

    Args:
        folder: of the model.
        facts: of model.json.
        asked: the options.

    Raises:
        ValueError: the rows do not fit the model; says where.
        OSError: a file cannot be read or written.
    """
    if asked.output.exists() and asked.output.samefile(asked.data):
        raise ValueError(f"-o {asked.output} is the data itself, which would be replaced: give another name")
    run, n_rows, notes = model_of(folder, facts), 0, list[str]()
    with csv_file(asked.output) as writer:
        writer.writerow(header_of(facts, raw=asked.raw))
        for block in blocks_of(reader_of(folder, facts), facts, asked, notes):
            found = predicted(run, block.inputs, facts, raw=asked.raw, n_rows=asked.batch_size)
            writer.writerows(rows_of(block.ids, block.readable, found, facts))
            n_rows += len(block.ids)
        if not n_rows:
            raise ValueError(f"{asked.data}: no rows")
    return [*notes, f"{asked.output}: {n_rows} rows"]


def model_of(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what runs the model in a folder."""
    if facts["format"] == "onnx":
        from trainer.inference.export.steps.onnx_model import open_model
    elif facts["format"] == "hf":
        from trainer.inference.export.steps.hf_model import open_model
    else:
        from trainer.inference.export.steps.torch_model import open_model
    return open_model(folder, facts)


def reader_of(folder: Path, facts: Mapping[str, Any]) -> Any:
    """Return what reads cells as the model takes them: has ``names``, ``read`` and ``notes``."""
    if facts["kind"] == "table":
        return Cells(**facts["columns"])
    from trainer.inference.export.steps.texts import open_texts

    return open_texts(folder, facts)


def predicted(
    run: Runs, inputs: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], *, raw: bool, n_rows: int | None = None
) -> Decided:
    """Return what is said of the rows of a block, so many at a time through the model."""
    parts = [run(part) for part in passes(inputs, n_rows or PASS_ROWS[facts["kind"]])]
    return decided(np.concatenate(parts, axis=1), facts, raw=raw)


def blocks_of(columns: Any, facts: Mapping[str, Any], asked: argparse.Namespace, notes: list[str]) -> Iterator[Block]:
    """Yield the rows of a file as the model takes them.

    Args:
        columns: reads cells.
        facts: of model.json.
        asked: the options.
        notes: added to.

    Raises:
        ValueError: a column is missing, or a cell does not fit.
    """
    form = form_of(asked.data, facts["reading"], asked.encoding, asked.delimiter)
    ids = None if asked.id == NO_IDS else asked.id or facts["id"]
    with opened_csv(asked.data, form) as (names, rows):
        require_columns([*columns.names, *([ids] if ids else [])], names, ids)
        places = {name: names.index(name) for name in (*columns.names, *([ids] if ids else []))}
        seen, start = set[str](), 0
        for cells in in_blocks(rows, places, BLOCK_ROWS[facts["kind"]]):
            n_rows = len(next(iter(cells.values())))
            named = fresh_ids(cells[ids], seen, start) if ids else [str(start + row) for row in range(n_rows)]
            yield Block(named, columns.read(cells, start), [True] * n_rows)
            start += n_rows
    notes += columns.notes()


def require_columns(wanted: Sequence[str], have: Sequence[str], ids: str | None) -> None:
    """Refuse a table that lacks columns.

    Raises:
        ValueError: names them.
    """
    missing = [name for name in wanted if name not in have]
    if missing:
        advice = "; --id none numbers the rows, --id COL takes another column" if missing == [ids] else ""
        raise ValueError(f"no column {', '.join(map(repr, missing[:5]))} ({len(missing)} missing){advice}")


def fresh_ids(cells: Sequence[str], seen: set[str], start: int) -> list[str]:
    """Return the ids of a block.

    Args:
        cells: with the ids.
        seen: those before; added to.
        start: number of the first row.

    Raises:
        ValueError: one is empty, or was there before.
    """
    for row, name in enumerate(cells, start=start + 1):
        if not name.strip() or name in seen:
            what = f"the id {name!r} is there twice" if name.strip() else "there is no id"
            raise ValueError(f"row {row}: {what}: repair it, or number the rows with --id none")
        seen.add(name)
    return list(cells)
