"""Blocks of new rows as a model takes them: from a table, or a folder or zip file of images."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trainer.inference.export.steps.cells import Cells
from trainer.inference.export.steps.csv_rows import form_of, in_blocks, opened_csv

BLOCK_ROWS = {"table": 1 << 16, "words": 1 << 12, "tokens": 1 << 11, "images": 1 << 8}  # read at a time
NO_IDS = "none"
Part = tuple[list[str], dict[str, list[str]], int]  # ids, cells by column, number of the first row


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


def blocks_of(folder: Path, facts: Mapping[str, Any], asked: argparse.Namespace, notes: list[str]) -> Iterator[Block]:
    """Yield the rows of a file as the model takes them.

    Args:
        folder: of the model.
        facts: of model.json.
        asked: the options.
        notes: added to.

    Raises:
        ValueError: a column is missing, or a cell does not fit.
    """
    if facts["kind"] == "images":
        yield from _pictures(facts, asked, notes)
        return
    columns = _reader_of(folder, facts)
    for ids, cells, start in _parts(columns.names, facts, asked):
        yield Block(ids, columns.read(cells, start), [True] * len(ids))
    notes += columns.notes()


def _reader_of(folder: Path, facts: Mapping[str, Any]) -> Any:
    """Return what reads cells as the model takes them: has ``names``, ``read`` and ``notes``."""
    if facts["kind"] == "table":
        return Cells(**facts["columns"])
    from trainer.inference.export.steps.texts import open_texts

    return open_texts(folder, facts)


def _pictures(facts: Mapping[str, Any], asked: argparse.Namespace, notes: list[str]) -> Iterator[Block]:
    """Yield all images of a folder or zip file, called by their names, or those that a table names."""
    from trainer.inference.export.steps.pictures import Place, below, is_place, read_pictures

    column, suffix = facts["columns"]["file"], facts["columns"]["suffix"]
    whole = is_place(asked.data)
    with Place(asked.images or (asked.data if whole else asked.data.parent)) as place:
        parts = _named(place.names(), column) if whole else _parts([column], facts, asked)
        for ids, cells, start in parts:
            names = cells[column] if whole else below(cells[column], suffix, start)
            pixels, readable = read_pictures(place, names, facts["pixels"], start, notes if asked.skip_broken else None)
            yield Block(ids, {"pixels": pixels}, readable)


def _named(names: Sequence[str], column: str) -> Iterator[Part]:
    for start in range(0, len(names), BLOCK_ROWS["images"]):
        part = list(names[start : start + BLOCK_ROWS["images"]])
        yield part, {column: part}, start


def _parts(columns: Sequence[str], facts: Mapping[str, Any], asked: argparse.Namespace) -> Iterator[Part]:
    """Yield the named columns of a table, some rows at a time."""
    form = form_of(asked.data, facts["reading"], asked.encoding, asked.delimiter)
    id_column = None if asked.id == NO_IDS else asked.id or facts["id"]
    wanted = [*columns, *([id_column] if id_column else [])]
    with opened_csv(asked.data, form) as (names, rows):
        _require_columns(wanted, names, id_column)
        places = {name: names.index(name) for name in wanted}
        seen, start = set[str](), 0
        for cells in in_blocks(rows, places, BLOCK_ROWS[facts["kind"]]):
            n_rows = len(next(iter(cells.values())))
            numbers = [str(start + row) for row in range(n_rows)]
            yield _fresh_ids(cells[id_column], seen, start) if id_column else numbers, cells, start
            start += n_rows


def _require_columns(wanted: Sequence[str], have: Sequence[str], id_column: str | None) -> None:
    """Refuse a table that lacks columns.

    Raises:
        ValueError: names them.
    """
    missing = [name for name in wanted if name not in have]
    if missing:
        advice = "; --id none numbers the rows, --id COL takes another column" if missing == [id_column] else ""
        raise ValueError(f"no column {', '.join(map(repr, missing[:5]))} ({len(missing)} missing){advice}")


def _fresh_ids(cells: Sequence[str], seen: set[str], start: int) -> list[str]:
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
