"""A large CSV file in which nothing is odd, block by block: memory is that of a block, however long the file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from trainer.data.readers.contract import TableBlocks, Wanted
from trainer.data.readers.csv_fast import UTF8, count_quotes, is_large, names_in
from trainer.data.readers.csv_form import CsvForm
from trainer.data.readers.csv_strict import BLOCK_BYTES, open_rows
from trainer.data.readers.table_checks import Swallowed, check_first_line
from trainer.errors import DataError, shown
from trainer.system import arrow_files

SMALL_BYTES = 1 << 22  # of a block; longer ones are taken where a row does not fit


def csv_blocks(file: Path, encoding: str, form: CsvForm, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Open a CSV file, or return None where it is small or to be read with more care.

    Args:
        file: to read.
        encoding: as the user gave it; only UTF-8 is read here.
        form: how it is written.
        wanted: columns that are read, and which as numbers.
        n_rows: of a block, at most.

    Raises:
        DataError: the header has another delimiter, or looks like data.
        ConfigError: the names given are not as many as the columns.
    """
    if encoding.lower() not in UTF8 or not is_large(file):
        return None
    n_quotes = count_quotes(file, form)
    if n_quotes is None:
        return None
    names = names_in(file, form)
    try:
        first = next(_batches(file, form, names, Wanted(frozenset(names)), SMALL_BYTES), None)
    except pa.ArrowException:  # told with its row where it is read whole
        return None
    if first is None or len(set(names)) < len(names):
        return None
    if form.header is None:
        check_first_line(first, file)
    may_swallow = form.quoted and n_quotes > 0  # then all cells are looked at
    wanted = replace(wanted, names=frozenset(names)) if may_swallow else wanted
    notes: list[str] = []

    def read() -> Iterator[pa.Table]:
        seen = Swallowed()
        for table in _rows(file, form, names, wanted):
            if may_swallow:
                seen.add(table, form.delimiter)
            yield from (table.slice(start, n_rows) for start in range(0, table.num_rows, n_rows))
        notes[:] = seen.verdict(form.delimiter, file)

    return TableBlocks(tuple(names), None, read, notes)


def _rows(file: Path, form: CsvForm, names: list[str], wanted: Wanted) -> Iterator[pa.Table]:
    """Yield all rows, numbers as such up to the first block with a cell that is none; from there on all as text."""
    n_done = 0
    try:
        for table in _batches(file, form, names, wanted, SMALL_BYTES):
            yield table
            n_done += table.num_rows
        return
    except pa.ArrowException:
        pass
    n_seen = 0
    try:
        for table in _batches(file, form, names, replace(wanted, numbers=frozenset()), BLOCK_BYTES):
            again = min(max(n_done - n_seen, 0), table.num_rows)
            n_seen += table.num_rows
            if again < table.num_rows:
                yield table.slice(again)
    except pa.ArrowException as problem:
        raise DataError(f"{file}: not readable as CSV ({shown(str(problem))})") from problem


def _batches(file: Path, form: CsvForm, names: list[str], wanted: Wanted, block_bytes: int) -> Iterator[pa.Table]:
    with arrow_files.opened(file) as stream:
        for batch in open_rows(stream, block_bytes, form, names, wanted):
            yield pa.Table.from_batches([batch])
