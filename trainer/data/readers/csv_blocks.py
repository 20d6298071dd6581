"""A large CSV file in which nothing is odd, block by block: memory is that of a block, however long the file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from trainer.data.readers.contract import TableBlocks, Wanted
from trainer.data.readers.csv_fast import UTF8, count_quotes, names_in
from trainer.data.readers.csv_form import CsvForm
from trainer.data.readers.csv_strict import open_rows, row_problem
from trainer.data.readers.table_checks import Swallowed, check_first_line
from trainer.system import arrow_files

SMALL_BYTES = 1 << 20  # of a block, of which Arrow reads 32 ahead
LONG_BYTES = 1 << 24  # likewise, where a row does not fit


def csv_blocks(file: Path, encoding: str, form: CsvForm, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Open a CSV file, or return None where it is to be read with more care.

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
    if encoding.lower() not in UTF8:
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
        for table in in_blocks(_rows(file, form, names, wanted), n_rows):
            if may_swallow:
                seen.add(table, form.delimiter)
            yield table
        notes[:] = seen.verdict(form.delimiter, file)

    n_about = first.num_rows * max(file.stat().st_size // SMALL_BYTES, 1)
    return TableBlocks(tuple(names), None, read, notes, n_about=n_about)


def in_blocks(tables: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Yield the same rows, so many at a time; fewer only in the last block, or where the columns have other types."""
    waiting: list[pa.Table] = []
    for table in tables:
        if waiting and table.schema != waiting[0].schema:
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(table)
        while sum(map(len, waiting)) >= n_rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, n_rows)
            waiting = [whole.slice(n_rows)] if len(whole) > n_rows else []
    if waiting:
        yield pa.concat_tables(waiting)


def _rows(file: Path, form: CsvForm, names: list[str], wanted: Wanted) -> Iterator[pa.Table]:
    """Yield all rows, numbers as such up to a block with a cell that is none; from there on all as text.

    Raises:
        DataError: a row has more or fewer cells than there are names, or does not fit into the longest block.
    """
    as_text = replace(wanted, numbers=frozenset())
    n_done, said = 0, ""
    for asked, n_bytes in ((wanted, SMALL_BYTES), (as_text, SMALL_BYTES), (as_text, LONG_BYTES)):
        n_seen = 0
        try:
            for table in _batches(file, form, names, asked, n_bytes):
                n_again = min(n_done - n_seen, table.num_rows)
                n_seen += table.num_rows
                if n_again < table.num_rows:
                    yield table.slice(n_again)
                    n_done = n_seen
        except pa.ArrowException as problem:
            said = str(problem)
        else:
            return
    with file.open(encoding="utf-8", newline="") as lines:
        raise row_problem(lines, form, len(names), file, said)


def _batches(file: Path, form: CsvForm, names: list[str], wanted: Wanted, block_bytes: int) -> Iterator[pa.Table]:
    with arrow_files.opened(file) as stream:
        for batch in open_rows(stream, block_bytes, form, names, wanted):
            yield pa.Table.from_batches([batch])
