"""Feature columns of a table as they were read, in memory or in files on the disk."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from trainer.data.coded_words import CodedWords
from trainer.system.mapped_arrays import ArrayFile

COPIED_ROWS = 1 << 16  # at a time, from one file to another


@dataclass(frozen=True)
class TableColumns:
    """Feature columns as read: nothing imputed, scaled or encoded yet.

    Attributes:
        numeric_NF: float64, NaN = missing.
        categorical_NK: object (str), None = missing.
        numeric: the F column names.
        categorical: the K column names.
        scratch: folder of what does not fit in memory; the columns are then mapped from files there, one after the
            other, and the words are ``CodedWords``. None = all is in memory.
    """

    numeric_NF: NDArray[np.float64]
    categorical_NK: NDArray[np.object_]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    scratch: Path | None = field(default=None, compare=False)

    @property
    def coded(self) -> CodedWords | None:
        """The words by number, where they lie on the disk."""
        words_NK: Any = self.categorical_NK
        return words_NK if isinstance(words_NK, CodedWords) else None

    def only(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "TableColumns":
        """Return these rows: row numbers, which are some, or (N,) whether each is kept."""
        if self.scratch is None or rows.dtype != np.bool_:
            return TableColumns(self.numeric_NF[rows], self.categorical_NK[rows], self.numeric, self.categorical)
        return self._copied(rows.astype(np.bool_, copy=False), range(len(self.numeric)), range(len(self.categorical)))

    def without(self, names: Container[str | None]) -> "TableColumns":
        """Return the columns but for those of ``names``."""
        numeric, words = (
            [place for place, name in enumerate(columns) if name not in names]
            for columns in (self.numeric, self.categorical)
        )
        if self.scratch is not None:
            return self._copied(None, numeric, words)
        return TableColumns(
            self.numeric_NF[:, numeric],
            self.categorical_NK[:, words],
            tuple(self.numeric[place] for place in numeric),
            tuple(self.categorical[place] for place in words),
        )

    def _copied(self, kept_N: NDArray[np.bool_] | None, numeric: Sequence[int], words: Sequence[int]) -> "TableColumns":
        """Return rows (None = all) and columns in files of their own."""
        coded = self.coded
        assert self.scratch is not None
        assert coded is not None
        numbers, codes = ArrayFile(self.scratch), ArrayFile(self.scratch)
        for file, columns in (
            (numbers, (self.numeric_NF[:, place] for place in numeric)),
            (codes, (coded.codes_NK[:, place] for place in words)),
        ):
            for column_N in columns:
                for part in _parts_of(column_N, kept_N):
                    file.append(part)
        return table_in_files(
            numbers,
            codes,
            len(self.numeric_NF) if kept_N is None else int(kept_N.sum()),
            numeric=tuple(self.numeric[place] for place in numeric),
            categories={self.categorical[place]: coded.words[place] for place in words},
            scratch=self.scratch,
        )


def _parts_of(column_N: NDArray[Any], kept_N: NDArray[np.bool_] | None) -> Iterator[NDArray[Any]]:
    for start in range(0, len(column_N), COPIED_ROWS):
        part = column_N[start : start + COPIED_ROWS]
        yield part if kept_N is None else part[kept_N[start : start + COPIED_ROWS]]


def table_in_files(
    numbers: ArrayFile,
    codes: ArrayFile,
    n_rows: int,
    *,
    numeric: tuple[str, ...],
    categories: Mapping[str, Sequence[str]],
    scratch: Path,
) -> TableColumns:
    """Return the table whose columns were appended to two files.

    Args:
        numbers: the columns of numbers, one after the other.
        codes: the columns of words as ``CodedWords`` has them, likewise.
        n_rows: of all of them.
        numeric: names of the columns of numbers.
        categories: the different words of each column of words, by its name.
        scratch: as ``TableColumns`` has it.
    """
    coded = CodedWords(codes.array((len(categories), n_rows), np.int32).T, list(categories.values()))
    words_NK = cast(NDArray[np.object_], coded)
    return TableColumns(
        numbers.array((len(numeric), n_rows), np.float64).T, words_NK, numeric, tuple(categories), scratch
    )
