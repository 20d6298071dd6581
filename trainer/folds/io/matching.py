"""Finds the rows that a split file names."""

from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.system.spellings import code_points, difference, spelling_key


class RowFinder:
    """Row numbers of the data by id.

    Args:
        ids_N: the data's row names.
        file: named in messages.
    """

    def __init__(self, ids_N: NDArray[np.str_], file: str) -> None:
        self._file = file
        self._row_of: dict[str, int] = {one: row for row, one in enumerate(ids_N.tolist())}

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def first(self) -> str:
        """The id of the first row."""
        return next(iter(self._row_of))

    @property
    def numbered(self) -> bool:
        """Whether the ids are row numbers: the data has no ids of its own."""
        return all(one == str(row) for one, row in self._row_of.items())

    def plain(self, cell: str) -> str:
        """Return a cell without the apostrophe that keeps a spreadsheet from reading a formula."""
        return cell[1:] if cell[:1] == "'" and cell not in self._row_of else cell

    def are_ids(self, cells: Sequence[str]) -> bool:
        """Whether the cells are distinct and each names a row."""
        return bool(cells) and len(set(cells)) == len(cells) and all(one in self._row_of for one in cells)

    def find(self, candidates: Sequence[str]) -> str | None:
        """Return the first candidate that names a row."""
        return next((one for one in candidates if one in self._row_of), None)

    def rows(self, ids: Sequence[str], place: str, *, everything: bool = False) -> NDArray[np.int64]:
        """Return the row number of each id.

        Args:
            ids: as the file has them.
            place: where in the file, for messages.
            everything: every row of the data must be named.

        Raises:
            DataError: an id is unknown, named twice, or missing.
        """
        seen: dict[str, int] = {}
        for position, one in enumerate(ids):
            if one not in self._row_of:
                raise self._unknown(one, f"{place}, entry {position}")
            if one in seen:
                raise DataError(
                    f"{self._file}: {place}: id '{cell_text(one)}' stands twice, in entries {seen[one]} and {position}"
                )
            seen[one] = position
        if everything:
            self.require_all(seen)
        return np.array([self._row_of[one] for one in ids], dtype=np.int64)

    def _unknown(self, one: str, place: str) -> DataError:
        said = f"{self._file}: {place}: id '{cell_text(one)}' is not in the data"
        key = spelling_key(one)
        meant = next((known for known in self._row_of if spelling_key(known) == key), None)
        if meant is None:
            return DataError(f"{said} (which has ids such as '{cell_text(self.first)}'): is it a split of other data?")
        points = [code_points(text, [one, meant]) or "nothing" for text in (one, meant)]
        return DataError(
            f"{said}, which has '{cell_text(meant)}': they differ only by {difference([one, meant])} ({points[0]} for "
            f"{points[1]}): write the id as the data does"
        )

    def require_all(self, named: Container[str]) -> None:
        """Refuse a file that leaves rows of the data out.

        Args:
            named: the ids the file has.

        Raises:
            DataError: naming the first row left out.
        """
        missing = [one for one in self._row_of if one not in named]
        if missing:
            raise DataError(
                f"{self._file}: {len(missing)} of {len(self)} rows of the data are not in it, such as id "
                f"'{cell_text(missing[0])}': add them (never held out: to every train list, or with fold -1)"
            )


def cell_text(text: str, limit: int = 60) -> str:
    """Shorten foreign text for one line of a message."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
