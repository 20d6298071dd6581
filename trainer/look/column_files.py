"""Rows of a large Parquet or Arrow file, as a small file of the same format."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.system import arrow_files

LARGE_BYTES = 1 << 26  # a smaller file is read whole
ROWS = 20_000
PIECES = 3  # of its beginning, middle and end


def few_rows(path: Path, target: Path, n_rows: int | None = None) -> int | None:
    """Write some rows of a large file to another one; return how many there are in all, or None where it is not done.

    Args:
        path: of the file.
        target: to write.
        n_rows: about so many; None = 20,000.
    """
    if path.stat().st_size < LARGE_BYTES:
        return None
    with path.open("rb") as file:
        magic = file.read(6)
    with suppress(pa.ArrowException, OSError), arrow_files.opened(path) as stream:
        if magic[:4] == b"PAR1":
            return _of_parquet(stream, target, n_rows or ROWS)
        if magic == b"ARROW1":
            return _of_arrow(stream, target, n_rows or ROWS)
    return None


def _of_parquet(stream: pa.NativeFile, target: Path, n_rows: int) -> int:
    from pyarrow import parquet

    file = parquet.ParquetFile(stream)
    pieces = [
        next(file.iter_batches(batch_size=max(n_rows // PIECES, 1), row_groups=[group]), None)
        for group in _spread(file.num_row_groups)
    ]
    parquet.write_table(pa.Table.from_batches(list(filter(None, pieces)), schema=file.schema_arrow), target)
    return int(file.metadata.num_rows)


def _of_arrow(stream: pa.NativeFile, target: Path, n_rows: int) -> int:
    reader: Any  # count_rows is not in the stubs
    with pa.ipc.open_file(stream) as reader:
        pieces = [
            reader.get_batch(place).slice(0, max(n_rows // PIECES, 1)) for place in _spread(reader.num_record_batches)
        ]
        with pa.ipc.new_file(str(target), reader.schema) as writer:
            for batch in pieces:
                writer.write_batch(batch)
        return int(reader.count_rows())


def _spread(n: int) -> Iterator[int]:
    """Yield the first, the middle and the last of ``n`` places, each once."""
    yield from dict.fromkeys((0, n // 2, n - 1))
