"""Names of new rows: there, and each once; of millions only eight bytes each are kept."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.roles import is_blank, text_cells
from trainer.errors import DataError, shown
from trainer.system.arrow_files import as_words
from trainer.wording.lists import first_few

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd: the multiplication loses nothing


class IdCheck:
    """Reads the names of rows block by block, and in the end tells whether one occurred twice.

    Args:
        file: named in messages.
        column: with the names.
    """

    def __init__(self, file: str, column: str) -> None:
        self.file, self.column = file, column
        self.hashes: list[NDArray[np.uint64]] = []

    def add(self, table: pa.Table, start: int) -> NDArray[np.str_]:
        """Return the names of a block whose first row is row ``start`` of the file.

        Raises:
            DataError: a row has none.
        """
        cells = text_cells(table, self.column, self.file)
        blank = is_blank(cells)
        if blank.any():
            row = start + int(blank.argmax()) + 1
            raise DataError(
                f"{self.file}: no id in column '{self.column}' in row {row}: fill it in; --id none numbers the rows"
            )
        ids_B = as_words(cells)
        self.hashes.append(hashed(ids_B))
        return ids_B

    def finish(self, read: Callable[[], Iterator[pa.Table]]) -> None:
        """Look for names that occurred twice.

        Args:
            read: returns all blocks again; asked only where two names have one hash.

        Raises:
            DataError: one did; names its rows.
        """
        if not self.hashes:
            return
        hashes, counts = np.unique(np.concatenate(self.hashes), return_counts=True)
        twice = hashes[counts > 1]
        if not len(twice):
            return
        rows: dict[str, list[int]] = {}
        start = 0
        for table in read():
            ids_B = as_words(text_cells(table, self.column, self.file))
            for place in np.flatnonzero(np.isin(hashed(ids_B), twice)):
                rows.setdefault(str(ids_B[place]), []).append(start + int(place) + 1)
            start += table.num_rows
        repeated = {name: places for name, places in rows.items() if len(places) > 1}
        if repeated:
            name, places = next(iter(repeated.items()))
            more = f" (and {len(repeated) - 1} more ids)" if len(repeated) > 1 else ""
            raise DataError(
                f"{self.file}: duplicate id '{shown(name)}' in column '{self.column}': "
                f"rows {first_few(places, rest=', ...')}{more}\n"
                "ids name one row each: repair them, or number the rows with --id none"
            )


def hashed(ids_B: NDArray[np.str_]) -> NDArray[np.uint64]:
    """Return 64 bits of each name, the same in whatever block it stands."""
    width = ids_B.dtype.itemsize // 4
    points_BW = np.ascontiguousarray(ids_B).view(np.uint32).reshape(len(ids_B), width)
    hashes_B = np.zeros(len(ids_B), dtype=np.uint64)
    for place in range(width):  # a short name ends in zeros, which change nothing
        points_B = points_BW[:, place].astype(np.uint64)
        mixed_B = (points_B + np.uint64(place) * np.uint64(0x10FFFF1)) * FACTOR
        mixed_B ^= mixed_B >> np.uint64(29)
        hashes_B += np.where(points_B > 0, mixed_B * np.uint64(0xBF58476D1CE4E5B9), np.uint64(0))
    return hashes_B
